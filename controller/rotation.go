package controller

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/render"
	"postgres-operator/roles"
	"postgres-operator/rotation"
)

// A rotation goes through both reconcilers, and its progress stands in the Secret (package rotation):
//
//	Cluster  writes the date, and once that is over a pending login with a new password
//	Roles    makes that login, then hands it out; after the password of a role that the members know,
//	         it marks their pods for a restart, and last removes what was pending

// keptLogin is what a Secret holds of a role's login.
type keptLogin struct {
	rotation.Secret
	password, pending string // passwords of Username and of Pending
}

// loginIn reads a role's Secret. A user name that is neither the role's nor dated is somebody's mistake.
func loginIn(data secretData, role string) keptLogin {
	l := keptLogin{password: string(data["password"]), pending: string(data[render.PendingPassword])}
	l.Username, l.Next = string(data["username"]), string(data["nextRotation"])
	if _, dated := roles.LoginDay(role, l.Username); !dated {
		l.Username = role
	}
	_, l.Known = data["nextRotation"]
	if l.pending != "" {
		l.Pending = string(data[render.PendingUsername])
		if _, dated := roles.LoginDay(role, l.Pending); !dated {
			l.Pending = role
		}
	}
	return l
}

// rotate does the next step of a rotation in what is rendered. The API server takes it only if the Secret
// is still the one that was read, so that no password is made up twice.
func (p *clusterPass) rotate(set roles.Set, role roles.Role, l keptLogin, c *render.Credential) error {
	c.Username, c.NextRotation, c.Rotates = l.Username, l.Next, l.Known
	c.PendingUsername, c.PendingPassword = l.Pending, l.pending
	if role.Kind == roles.Infrastructure {
		c.Username = role.Name
		return nil
	}
	if roles.Skip(p.pg, p.config, p.pg.Spec.NumberOfInstances) != "" {
		return nil // Postgres could not follow
	}
	policy := rotation.PolicyOf(p.pg, p.config)
	mode, err := policy.Mode(role)
	if err != nil {
		p.warnRotation("%s", err)
	}
	step := policy.Next(role, mode, l.Secret, p.now())
	if _, taken := set.Role(step.Pending); taken && step.Pending != role.Name {
		p.warnRotation("the login of role %q is not rotated today: another role has the name that it would get", role.Name)
		return nil
	}
	c.NextRotation, c.Rotates = step.Next, step.Known
	if !step.Again.IsZero() && (p.again.IsZero() || step.Again.Before(p.again)) {
		p.again = step.Again
	}
	if step.Pending != "" {
		c.PendingUsername = step.Pending
		c.PendingPassword, err = p.newPassword()
		return err
	}
	return nil
}

func (p *clusterPass) warnRotation(text string, args ...any) {
	p.warnings = append(p.warnings, render.Warning{Reason: "Rotation", Message: fmt.Sprintf(text, args...)})
}

// handout is a pending login of a role, and the Secret that is to hand it out.
type handout struct {
	role   roles.Role
	login  keptLogin
	secret *unstructured.Unstructured
}

// done tells whether the Secret hands the login out already; then only pods are left to be told.
func (h handout) done() bool { return h.login.password == h.login.pending }

// logins are what the Secrets of a cluster say about its roles.
type logins struct {
	clear     map[string]string // passwords by login
	rotations []roles.Rotation
	handouts  []handout

	// superuser is the operator's own password, changing the one that is about to take its place.
	superuser, changing string
}

// add takes in the Secret of a role.
func (l *logins) add(c config.Config, since time.Time, role roles.Role, secret *unstructured.Unstructured) {
	kept := loginIn(dataOf(secret), role.Name)
	if kept.password == "" {
		return
	}
	if role.Name == c.SuperUsername {
		l.superuser, l.changing = kept.password, kept.pending
	}
	r := roles.Rotation{Role: role.Name}
	if kept.Known {
		r.Since = since
	}
	r.KeepsPassword = kept.Username != role.Name && kept.Pending != role.Name
	l.clear[kept.Username] = kept.password
	if kept.Username != role.Name {
		r.Logins = append(r.Logins, kept.Username)
	}
	if kept.Pending != "" {
		l.clear[kept.Pending] = kept.pending
		l.handouts = append(l.handouts, handout{role, kept, secret})
	}
	if kept.Pending != "" && kept.Pending != role.Name {
		r.Logins = append(r.Logins, kept.Pending)
	}
	if len(r.Logins) > 0 || kept.Known {
		l.rotations = append(l.rotations, r)
	}
}

// handOut makes Secrets give away the pending logins that Postgres has. Those of roles that the members
// know are kept in mind there until the members have been told.
func (p *rolesPass) handOut(ctx context.Context, l logins, report roles.Report) error {
	policy := rotation.PolicyOf(p.pg, p.config)
	for _, h := range l.handouts {
		if h.done() || !report.InStep(h.login.Pending) {
			continue
		}
		mode, err := policy.Mode(h.role)
		if err != nil {
			mode = rotation.Off
		}
		data := map[string]any{
			"username": encoded(h.login.Pending), "password": encoded(h.login.pending),
			"nextRotation": encoded(policy.Promoted(mode, p.now())),
		}
		if !knownToMembers(h.role) {
			data[render.PendingUsername], data[render.PendingPassword] = nil, nil
		}
		if err := p.patchSecret(ctx, h.secret, data); err != nil {
			return err
		}
		p.log.Info("login changed", "role", h.role.Name, "secret", h.secret.GetName())
		p.events.note(p.pg, "Rotation", fmt.Sprintf("the Secret of role %q hands out another login", h.role.Name))
		if h.role.Kind == roles.Stream {
			p.log.Info("what reads event streams has to be restarted to learn its new login", "role", h.role.Name)
		}
	}
	return nil
}

// knownToMembers tells whether a role's password is part of every member's environment.
func knownToMembers(role roles.Role) bool {
	return role.Kind == roles.Superuser || role.Kind == roles.Replication
}

// tellMembers marks pods for a restart that were started with a password that is no longer the one.
func (p *rolesPass) tellMembers(ctx context.Context, l logins, pods []corev1.Pod) error {
	for _, h := range l.handouts {
		if !h.done() {
			continue
		}
		for i := range pods {
			if err := p.markPod(ctx, &pods[i]); err != nil {
				return err
			}
		}
		if err := p.patchSecret(ctx, h.secret, map[string]any{render.PendingUsername: nil, render.PendingPassword: nil}); err != nil {
			return err
		}
	}
	return nil
}

func (p *rolesPass) markPod(ctx context.Context, pod *corev1.Pod) error {
	if pod.Annotations[names.RollingUpdateRequired] == "true" || pod.DeletionTimestamp != nil {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": pod.UID, "annotations": map[string]string{names.RollingUpdateRequired: "true"},
	}})
	if err != nil {
		return fmt.Errorf("mark pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	err = p.client.Patch(ctx, pod, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(names.ManagerRoles))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("mark pod %s/%s for a restart with its new password: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

// patchSecret changes a Secret if it is still the one that was read.
func (p *rolesPass) patchSecret(ctx context.Context, secret *unstructured.Unstructured, data map[string]any) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": secret.GetResourceVersion()}, "data": data,
	})
	if err == nil {
		err = p.client.Patch(ctx, secret.DeepCopy(), client.RawPatch(types.MergePatchType, patch), client.FieldOwner(names.ManagerRoles))
	}
	if err != nil {
		return fmt.Errorf("change secret %s/%s: %w", secret.GetNamespace(), secret.GetName(), err)
	}
	return nil
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
