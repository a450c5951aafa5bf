package controller

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/names"
	"postgres-operator/schema"
)

var otherBinary = flag.String("reference", "", "binary of Zalando's operator v2.0.1, called postgres-operator, to make the objects of TestAdoption with; they are then compared with those in the files")

// madeByReference lets Zalando's operator make the objects of a cluster, and compares them with those
// that the file holds.
func (l *legacy) madeByReference() {
	l.Helper()
	require.Equal(l, names.ManagerLegacy, filepath.Base(*otherBinary), "the field manager is the name of the binary")
	l.playKubernetes()
	written := l.objects
	l.objects = slices.DeleteFunc(slices.Clone(written), needsDatabase)
	l.runReference()
	live := l.live()
	for _, o := range l.objects {
		id := idOf(o)
		require.Empty(l, schema.Diff(l.asMade(l.stored(o)), l.asMade(live[id])), id)
		require.Equal(l, l.asMade(l.stored(o)).Object, l.asMade(live[id]).Object, "%s: order", id)
	}
	configuration, err := l.options.Source.Load(l.Context(), l.client)
	require.NoError(l, err)
	made, err := observeObjects(l.Context(), l.client, configuration, client.ObjectKeyFromObject(l.manifest))
	require.NoError(l, err)
	for _, o := range made {
		patronis := o.GetKind() == configMapKind.Kind || o.GetName() == names.PatroniConfigService(l.name)
		if !patronis && o.GetKind() != volumeClaimKind.Kind {
			require.Contains(l, slices.Collect(maps.Keys(live)), idOf(o), "an object that the file lacks")
		}
	}
	l.objects = written
	for _, o := range written {
		if needsDatabase(o) {
			l.withDrawnPassword(o)
			require.NoError(l, l.client.Create(l.Context(), o.DeepCopy(), client.FieldOwner(names.ManagerLegacy)), idOf(o))
		}
	}
}

// withDrawnPassword puts the pooler's password that the other operator has drawn in the place of the file's.
func (l *legacy) withDrawnPassword(o *unstructured.Unstructured) {
	l.Helper()
	data, found, _ := unstructured.NestedStringMap(o.Object, "data")
	if !found {
		return
	}
	drawn := dataOf(l.get(secretKind, "pooler."+l.name+".credentials"))["password"]
	list := fmt.Sprintf("\"pooler\" \"%s\"\n", drawn)
	data["userlist.txt"] = base64.StdEncoding.EncodeToString([]byte(list))
	require.NoError(l, unstructured.SetNestedStringMap(o.Object, data, "data"))
}

// needsDatabase: poolers are made when the database has answered, which there is none of here. Their
// credential is made before.
func needsDatabase(o *unstructured.Unstructured) bool {
	data, _, _ := unstructured.NestedMap(o.Object, "data")
	return o.GetLabels()[names.PoolerLabel] != "" && data["username"] == nil
}

// runReference runs it until it says that the cluster runs.
func (l *legacy) runReference() {
	l.Helper()
	l.configure("watched_namespace", l.namespace, "resource_check_interval", "1s", "resource_check_timeout", "20s", "api_port", freePort(l.T))
	log, err := os.Create(filepath.Join(l.TempDir(), "log"))
	require.NoError(l, err)
	ctx, stop := context.WithCancel(l.Context())
	cmd := exec.CommandContext(ctx, *otherBinary, "-outofcluster", "-nodatabaseaccess", "-kubeconfig", l.kubeconfig(),
		"-kubeqps", "100", "-kubeburst", "100")
	cmd.Env = append(os.Environ(), "CONFIG_MAP_NAME="+l.namespace+"/operator", "OPERATOR_NAMESPACE="+l.namespace)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(l, cmd.Start())
	defer func() {
		stop()
		_ = cmd.Wait() // killed
		if text, _ := os.ReadFile(log.Name()); l.Failed() {
			l.Logf("log of the other operator:\n%s", problemsIn(string(text)))
		}
	}()
	require.EventuallyWithT(l, func(c *assert.CollectT) {
		for _, o := range l.objects {
			found := newObject(o.GroupVersionKind())
			assert.NoError(c, l.client.Get(ctx, client.ObjectKeyFromObject(o), found))
		}
		pg := l.cluster(l.name)
		if primary, replica := pg.Spec.Poolers(); !primary && !replica { // else it waits for a database
			assert.NotContains(c, []string{"", "Creating"}, pg.Status.PostgresClusterStatus)
		}
	}, time.Minute, 500*time.Millisecond)
}

// freePort is one that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// problemsIn leaves of a log what is worse than information.
func problemsIn(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "level=debug") && !strings.Contains(line, "level=info") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// kubeconfig writes the connection of this world for another program.
func (l *legacy) kubeconfig() string {
	l.Helper()
	c := rest.CopyConfig(l.env.Config)
	file := filepath.Join(l.TempDir(), "kubeconfig")
	require.NoError(l, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"test": {Server: c.Host, CertificateAuthorityData: c.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{"test": {
			ClientCertificateData: c.CertData, ClientKeyData: c.KeyData, Username: c.Username, Password: c.Password, Token: c.BearerToken,
		}},
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: "test"}},
		CurrentContext: "test",
	}, file))
	return file
}

// stored is an object of the file as the API server would keep it.
func (l *legacy) stored(o *unstructured.Unstructured) *unstructured.Unstructured {
	l.Helper()
	o = o.DeepCopy()
	o.SetNamespace(l.elsewhere())
	require.NoError(l, l.client.Create(l.Context(), o, client.DryRunAll))
	return o
}

// elsewhere is a namespace in which the names are free.
func (l *legacy) elsewhere() string {
	l.Helper()
	name := l.namespace + "-file"
	err := l.client.Create(l.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	require.NoError(l, client.IgnoreAlreadyExists(err))
	return name
}

// asMade leaves of an object what its author has sent, and defaults.
func (l *legacy) asMade(o *unstructured.Unstructured) *unstructured.Unstructured {
	l.Helper()
	o = o.DeepCopy()
	for _, field := range []string{"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "namespace"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(o.Object, "status")
	if o.GetKind() == serviceKind.Kind {
		for _, field := range []string{"clusterIP", "clusterIPs", "ipFamilies", "healthCheckNodePort"} {
			unstructured.RemoveNestedField(o.Object, "spec", field)
		}
		ports, _, _ := unstructured.NestedSlice(o.Object, "spec", "ports")
		for _, port := range ports {
			delete(port.(map[string]any), "nodePort")
		}
		require.NoError(l, unstructured.SetNestedSlice(o.Object, ports, "spec", "ports"))
	}
	if o.GetKind() == secretKind.Kind {
		data, _, _ := unstructured.NestedMap(o.Object, "data")
		for _, drawn := range []string{"password", "userlist.txt"} {
			if data[drawn] != nil {
				data[drawn] = "drawn"
			}
		}
		require.NoError(l, unstructured.SetNestedMap(o.Object, data, "data"))
	}
	return o
}
