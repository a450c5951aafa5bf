//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	apiv1 "postgres-operator/api/v1"
)

// TestTeams runs an operator on this machine, as a developer would, which reaches Postgres and Patroni
// through the API server alone: names of Services mean nothing here. It makes the roles that a Secret, a Teams
// API and a PostgresTeam describe, and retires those of members who leave.
func TestTeams(t *testing.T) {
	k := connect(t)
	c := k.cluster(k.namespace(t, "teams"), "acid-team")
	api := newTeamsAPI(t, "alice")
	c.createSecret(t, "teams-token", map[string]string{"read-only-token-type": "Bearer", "read-only-token-secret": teamsToken})
	c.createSecret(t, "robots", map[string]string{"user1": "robot", "password1": "passwordOfTheRobot", "inrole1": "pg_monitor"})
	operator := c.operatorHere(t, map[string]string{
		"enable_teams_api": "true", "teams_api_url": api.URL, "oauth_token_secret_name": "teams-token",
		"enable_postgres_team_crd": "true", "enable_team_member_deprecation": "true", "role_deletion_suffix": "_delete_me",
		"infrastructure_roles_secret_name": "robots", "resync_period": "10s", "repair_period": "5s",
	})
	team := c.putTeam(t, "bob")
	c.apply(t, instances(1), with(operator.id, "metadata", "annotations", controllerAnnotation))
	c.awaitRunning(t, 1)

	k.part(t, c.namespace, "a Secret's role logs in", func(t *testing.T) {
		c.awaitQuery(t, login{c.name, "robot", "postgres"}, "SELECT pg_has_role('pg_monitor', 'member')", "true")
	})
	k.part(t, c.namespace, "members come and go", func(t *testing.T) {
		c.awaitMembers(t, "alice login, bob login")
		team.Spec.AdditionalMembers = nil
		require.NoError(t, c.Update(t.Context(), team))
		c.awaitMembers(t, "alice login, bob_delete_me")
		team.Spec.AdditionalMembers = map[string][]string{"acid": {"bob"}}
		require.NoError(t, c.Update(t.Context(), team))
		c.awaitMembers(t, "alice login, bob login")
		api.members("")
		c.awaitMembers(t, "alice_delete_me, bob login")
	})
	require.Contains(t, operator.log(t), "pods are reached through the API server")
	require.NotContains(t, operator.log(t), teamsToken)
	require.NotContains(t, operator.log(t), "passwordOfTheRobot")
	c.awaitRunning(t, 1)
}

const teamsToken = "theTokenForTheTeamsAPI"

// teamsAPI knows one team, acid.
type teamsAPI struct {
	*httptest.Server
	answer atomic.Pointer[string]
}

func newTeamsAPI(t *testing.T, member string) *teamsAPI {
	t.Helper()
	a := &teamsAPI{}
	a.members(member)
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+teamsToken:
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path != "/teams/acid":
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = fmt.Fprint(w, *a.answer.Load())
		}
	}))
	t.Cleanup(a.Close)
	return a
}

// members sets the one member of the team, or none.
func (a *teamsAPI) members(name string) {
	answer := fmt.Sprintf(`{"id": "acid", "member": [%q]}`, name)
	a.answer.Store(&answer)
}

func (c cluster) createSecret(t *testing.T, name string, data map[string]string) {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}, StringData: data}
	require.NoError(t, c.Create(t.Context(), secret))
}

func (c cluster) putTeam(t *testing.T, member string) *apiv1.PostgresTeam {
	t.Helper()
	team := &apiv1.PostgresTeam{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "guests"},
		Spec:       apiv1.PostgresTeamSpec{AdditionalMembers: map[string][]string{"acid": {member}}},
	}
	require.NoError(t, c.Create(t.Context(), team))
	return team
}

// awaitMembers waits for the roles of people, and for the status to list those who are members.
func (c cluster) awaitMembers(t *testing.T, roles string) {
	t.Helper()
	c.awaitQuery(t, c.primary(), `SELECT string_agg(rolname || CASE WHEN rolcanlogin THEN ' login' ELSE '' END, ', ' ORDER BY rolname)
		FROM pg_roles WHERE rolname ~ '^(alice|bob)'`, roles)
	eventually(t, soon, "the status lists members alone", func(ctx context.Context) error {
		pg, err := c.get(ctx)
		if err != nil {
			return err
		}
		for _, m := range pg.Status.TeamMembers {
			if !strings.Contains(roles, m.Name+" login") {
				return fmt.Errorf("%s is listed", m.Name)
			}
		}
		if len(pg.Status.TeamMembers) != strings.Count(roles, " login") {
			return errors.New("somebody is missing")
		}
		return nil
	})
}

// localOperator is an operator that runs on this machine.
type localOperator struct {
	id   string
	file string
}

// operatorHere runs an operator for clusters of this namespace that carry its id, with options of its own.
func (c cluster) operatorHere(t *testing.T, options map[string]string) localOperator {
	t.Helper()
	data := map[string]string{
		"enable_crd_registration": "false", "api_port": freePort(t),
		"docker_image": c.shippedOption(t, "docker_image"), "workers": "2",
		"secret_name_template": "{username}.{cluster}.credentials", // as shipped
	}
	for key, value := range options {
		data[key] = value
	}
	require.NoError(t, c.Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "operator"}, Data: data,
	}))
	o := localOperator{id: "on-this-machine", file: filepath.Join(t.TempDir(), "log")}
	log, err := os.Create(o.file)
	require.NoError(t, err)
	process := exec.Command(filepath.Join(c.repo, "bin", "postgres-operator"), "-outofcluster", "-probe-address=0", "-metrics-address=0")
	process.Env = append(os.Environ(), "OPERATOR_NAMESPACE="+c.namespace, "WATCHED_NAMESPACE="+c.namespace, "CONFIG_MAP_NAME=operator", "CONTROLLER_ID="+o.id)
	process.Stdout, process.Stderr = log, log
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(soon, func() { _ = process.Process.Kill() })
		_ = process.Wait()
		kill.Stop()
		_ = log.Close()
		if t.Failed() {
			t.Log(lastLines(o.log(t), 60))
		}
	})
	return o
}

// shippedOption is the value of an option in the operator's configuration as shipped.
func (c cluster) shippedOption(t *testing.T, key string) string {
	t.Helper()
	configuration, err := c.configuration(t.Context())
	require.NoError(t, err)
	return configuration.Data[key]
}

func (o localOperator) log(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(o.file)
	require.NoError(t, err)
	return string(content)
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}
