package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/roles"
	"postgres-operator/rotation"
)

const (
	postgresPort = 5432

	// rolesTimeout bounds one pass inside Postgres.
	rolesTimeout = 90 * time.Second
)

// roleSyncer is the reconciler that keeps roles and databases inside Postgres as manifest and
// Secrets say. It needs a primary that answers; nothing else waits for it.
type roleSyncer struct {
	shared
	status statusWriter

	// address is where the primary of a cluster listens.
	address func(pg *apiv1.Postgresql, c config.Config) (host string, port uint16)

	// synced holds what was last put in step, so that an event which changes none of it costs no
	// connection. Losing it costs one idle pass.
	mu     sync.Mutex
	synced map[types.NamespacedName]syncedState
}

type syncedState struct {
	digest string
	at     time.Time
}

func newRoles(s shared) *roleSyncer {
	return &roleSyncer{shared: s, status: s.status(names.ManagerRoles), address: serviceAddress, synced: map[types.NamespacedName]syncedState{}}
}

// serviceAddress is the way to the primary inside Kubernetes.
func serviceAddress(pg *apiv1.Postgresql, c config.Config) (host string, port uint16) {
	return names.Host(names.Service(pg.Name, names.RoleMaster), pg.Namespace, c.ClusterDomain), postgresPort
}

func (r *roleSyncer) setup(mgr manager.Manager, changes <-chan event.GenericEvent) error {
	c := r.settings.get()
	b := builder.ControllerManagedBy(mgr).Named("roles").For(&apiv1.Postgresql{}).
		WithOptions(queueOptions(r.settings, mgr.GetLogger().WithName("roles"))).
		Watches(&corev1.Pod{}, byLabel(c.ClusterNameLabel), builder.WithPredicates(podChanged())).
		Watches(newObject(secretKind), byLabel(c.ClusterNameLabel), builder.WithPredicates(servedOnly(c.ClusterNameLabel, r.namespaces))).
		WatchesRawSource(onConfigurationChange(changes, r.client))
	if r.teamObjects {
		b = b.Watches(&apiv1.PostgresTeam{}, everyCluster(r.client), builder.WithPredicates(predicate.GenerationChangedPredicate{}))
	}
	return b.Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *roleSyncer) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	c := r.settings.get()
	pg, err := readManifest(ctx, r.client, req.NamespacedName)
	if err != nil {
		return reconcile.Result{}, err
	}
	if pg == nil || pg.DeletionTimestamp != nil || !ownedBy(pg, r.controllerID) {
		r.forget(req.NamespacedName)
		return reconcile.Result{}, nil
	}
	if !conditionTrue(pg, apiv1.ConditionApplied) {
		return reconcile.Result{}, nil // a write to the status brings it back
	}
	p := &rolesPass{roleSyncer: r, config: c, pg: pg, log: logr.FromContextOrDiscard(ctx)}
	p.members.known = membersIn(pg)
	v, failure := p.run(ctx)
	if v != nil {
		failure = errors.Join(failure, p.report(ctx, *v))
	}
	if apierrors.IsConflict(failure) {
		return reconcile.Result{RequeueAfter: time.Second}, nil // what was read has just been changed
	}
	if failure != nil {
		return reconcile.Result{}, failure
	}
	return resync(c.ResyncPeriod), nil
}

// report writes the verdict, and an event when it is a failure or a warning that was not there before.
func (p *rolesPass) report(ctx context.Context, v verdict) error {
	if (v.reason == reasonRoleProblems || v.reason == reasonRoleWarnings) && !sameMessage(p.pg, v) {
		p.events.warn(p.pg, "Roles", v.message)
	}
	return p.writeStatus(ctx, v)
}

func (r *roleSyncer) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.synced, key)
}

// rolesPass is one pass inside one cluster's Postgres.
type rolesPass struct {
	*roleSyncer
	config config.Config
	pg     *apiv1.Postgresql
	log    logr.Logger

	primary types.NamespacedName
	members teamMembers
}

const (
	reasonRoleProblems = "Problems"
	reasonRoleWarnings = "SyncedWithWarnings"
	reasonNoServer     = "ServerNotReachable"
)

// run puts the roles in step. Without a verdict there was nothing to do.
func (p *rolesPass) run(ctx context.Context) (*verdict, error) {
	if why := roles.Skip(p.pg, p.config, p.pg.Spec.NumberOfInstances); why != "" {
		v := unknown(apiv1.ConditionRolesSynced, "Skipped", why)
		return &v, nil
	}
	pods, err := observePods(ctx, p.client, p.config, client.ObjectKeyFromObject(p.pg))
	if err != nil {
		return nil, err
	}
	primary := primaryOf(pods, p.config)
	if primary == nil {
		v := unknown(apiv1.ConditionRolesSynced, "NoPrimary", "no member is primary")
		return &v, nil // its pod brings it back
	}
	p.primary = client.ObjectKeyFromObject(primary)
	p.streams.wait(ctx, p.pg)
	set, logins, err := p.desired(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.tellMembers(ctx, logins, pods); err != nil {
		return nil, err
	}
	digest := digestOf(set, logins.clear, string(primary.UID))
	if p.inStep(digest) {
		return nil, nil
	}
	if wait, err := p.rememberMembers(ctx); wait || err != nil {
		return nil, err
	}
	return p.sync(ctx, set, logins, digest)
}

// desired is what shall be in Postgres, and the passwords for it.
func (p *rolesPass) desired(ctx context.Context) (roles.Set, logins, error) {
	extra, infrastructure := p.extra(ctx)
	set := roles.Desired(p.pg, p.config, extra)
	logins, err := p.logins(ctx, set, infrastructure)
	return set.Rotated(logins.rotations), logins, err
}

// extra are the roles that others define, and the passwords of those that have one. What cannot be read
// now is a problem; the roles that it is about stay as they are.
func (p *rolesPass) extra(ctx context.Context) (roles.Extra, roles.Passwords) {
	infrastructure, err := p.infrastructure(ctx, p.config)
	if err != nil {
		infrastructure.Problems = []roles.Problem{{Field: "infrastructure_roles_secrets", Reason: oneLine(err)}}
	}
	x := roles.Extra{
		Infrastructure: infrastructure.Roles,
		Problems:       infrastructure.Problems,
		Streams:        p.streams.reader(ctx) != nil,
	}
	p.addMembers(ctx, &x)
	return x, infrastructure.Passwords
}

// connector says how to reach the primary.
func (p *rolesPass) connector(l logins) roles.Connector {
	host, port := p.address(p.pg, p.config)
	return roles.Connector{
		Host: host, Port: port, User: p.config.SuperUsername, Password: l.superuser, Changing: l.changing, Dial: p.reach.to(p.primary),
	}
}

func (p *rolesPass) sync(ctx context.Context, set roles.Set, logins logins, digest string) (*verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, rolesTimeout)
	defer cancel()
	report, err := roles.Sync(ctx, p.connector(logins), set, roles.Passwords{Clear: logins.clear})
	if len(report.Done) > 0 {
		p.log.Info("changed in Postgres", "statements", len(report.Done), "items", itemsOf(report.Done))
	}
	if err != nil {
		v := bad(apiv1.ConditionRolesSynced, reasonNoServer, "the primary cannot be used: "+oneLine(err))
		return &v, err
	}
	p.forgetMembers(report)
	if err := p.handOut(ctx, logins, report); err != nil {
		return nil, err
	}
	if len(report.Problems) == 0 {
		if len(p.members.gone) == 0 { // else the status has to say first that they are
			p.remember(digest)
		}
		v := p.inStepVerdict()
		return &v, nil
	}
	problems := make([]error, 0, len(report.Problems))
	for _, problem := range report.Problems {
		problems = append(problems, problem)
	}
	all := errors.Join(problems...)
	v := bad(apiv1.ConditionRolesSynced, reasonRoleProblems, oneLine(all))
	return &v, fmt.Errorf("roles of cluster %s/%s: %w", p.pg.Namespace, p.pg.Name, all)
}

// itemsOf names what statements changed, each thing once, in order.
func itemsOf(statements []roles.Statement) []string {
	var items []string
	for _, s := range statements {
		item := s.Action + " " + s.Item
		if !slices.Contains(items, item) {
			items = append(items, item)
		}
	}
	return items
}

// logins reads from the cache what the Secrets hold. Those of infrastructure roles are copies, so their
// source is asked.
func (p *rolesPass) logins(ctx context.Context, set roles.Set, infrastructure roles.Passwords) (logins, error) {
	var list = newList(secretKind)
	err := p.client.List(ctx, list, client.MatchingLabels{p.config.ClusterNameLabel: p.pg.Name})
	if err != nil {
		return logins{}, fmt.Errorf("list secrets of cluster %s/%s: %w", p.pg.Namespace, p.pg.Name, err)
	}
	found := logins{clear: map[string]string{}}
	since := rotation.PolicyOf(p.pg, p.config).KeptSince(p.now())
	for _, role := range set.Roles {
		if !role.NeedsSecret() {
			continue
		}
		if role.Kind == roles.Infrastructure {
			found.clear[role.Name] = infrastructure.Clear[role.Name]
			continue
		}
		key := secretKey(p.config, p.pg, role)
		for i := range list.Items {
			secret := &list.Items[i]
			ours := clusterOf(secret, p.config.ClusterNameLabel) == client.ObjectKeyFromObject(p.pg)
			if ours && secret.GetNamespace() == key.Namespace && secret.GetName() == key.Name {
				found.add(p.config, since, role, secret)
			}
		}
	}
	return found, nil
}

func (p *rolesPass) inStep(digest string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	state, ok := p.synced[client.ObjectKeyFromObject(p.pg)]
	return ok && state.digest == digest && p.now().Sub(state.at) < p.config.ResyncPeriod-p.config.ResyncPeriod/5 &&
		conditionTrue(p.pg, apiv1.ConditionRolesSynced)
}

func (p *rolesPass) remember(digest string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.synced[client.ObjectKeyFromObject(p.pg)] = syncedState{digest: digest, at: p.now()}
}

// digestOf names what a pass would put in step, without holding a password.
func digestOf(set roles.Set, passwords map[string]string, primary string) string {
	content, err := json.Marshal([]any{set, passwords, primary})
	if err != nil {
		panic(fmt.Sprintf("roles do not marshal: %v", err)) // plain strings and maps
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
