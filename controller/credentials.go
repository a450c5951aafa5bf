package controller

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"math/big"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/names"
	"postgres-operator/roles"
)

const (
	passwordLength   = 64
	passwordAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)

// newPassword draws a password from the system's source of randomness. Letters and digits only:
// it passes unquoted through connection strings, URLs and shells.
func newPassword() (string, error) {
	password := make([]byte, passwordLength)
	for i := range password {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(passwordAlphabet))))
		if err != nil {
			return "", fmt.Errorf("draw a password: %w", err)
		}
		password[i] = passwordAlphabet[n.Int64()]
	}
	return string(password), nil
}

// secretData holds the decoded content of a Secret.
type secretData map[string][]byte

// readSecret reads a Secret past the cache. It is asked before a credential is made up: the cache
// may lag behind our own write, and it does not hold Secrets that a user made without our labels.
func readSecret(ctx context.Context, live client.Reader, key types.NamespacedName) (*corev1.Secret, error) {
	var secret corev1.Secret
	if err := live.Get(ctx, key, &secret); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read secret %s: %w", key, err)
	}
	return &secret, nil
}

// secretKey names the Secret of a role.
func secretKey(c config.Config, pg *apiv1.Postgresql, role roles.Role) types.NamespacedName {
	namespace := role.SecretNamespace
	if namespace == "" {
		namespace = pg.Namespace
	}
	return types.NamespacedName{Namespace: namespace, Name: names.Secret(string(c.SecretNameTemplate), role.Name, pg.Name)}
}

// cachedSecret finds a Secret among observed objects.
func cachedSecret(objects []*unstructured.Unstructured, key types.NamespacedName) (secretData, bool) {
	for _, o := range objects {
		if o.GetKind() == secretKind.Kind && o.GetNamespace() == key.Namespace && o.GetName() == key.Name {
			return dataOf(o), true
		}
	}
	return nil, false
}

// dataOf decodes the content of a Secret; a value that is not base64 cannot come from an API server.
func dataOf(o *unstructured.Unstructured) secretData {
	encoded, _, _ := unstructured.NestedStringMap(o.Object, "data")
	data := secretData{}
	for key, value := range encoded {
		if decoded, err := base64.StdEncoding.DecodeString(value); err == nil {
			data[key] = decoded
		}
	}
	return data
}
