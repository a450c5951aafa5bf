package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/names"
)

const (
	establishPoll    = 250 * time.Millisecond
	establishTimeout = 30 * time.Second
)

// prepareKinds sees to it that the API server knows our kinds, as far as the configuration lets it.
func prepareKinds(ctx context.Context, log logr.Logger, c client.Client, conf config.Config) error {
	if conf.EnableCRDRegistration {
		if err := registerKinds(ctx, log, c, conf); err != nil {
			return err
		}
	}
	return checkKinds(ctx, c, conf)
}

// registerKinds creates or updates the definitions of our kinds and waits until they are served.
// That of waves is needed by those who configure them; without it clusters keep their shape, and say why.
func registerKinds(ctx context.Context, log logr.Logger, c client.Client, conf config.Config) error {
	definitions, err := apiv1.CRDs()
	if err != nil {
		return fmt.Errorf("read embedded definitions: %w", err)
	}
	for _, definition := range definitions {
		if definition.Spec.Names.Kind == apiv1.PostgresqlKind.Kind && len(conf.CRDCategories) > 0 {
			definition.Spec.Names.Categories = conf.CRDCategories
		}
		waves := definition.Spec.Names.Kind == apiv1.KindFleetRollout
		if waves && !conf.Waves() {
			continue
		}
		if err := registerKind(ctx, c, definition); err != nil && waves {
			log.Error(err, "kind not registered", "kind", definition.Name)
		} else if err != nil {
			return fmt.Errorf("register kind %s: %w", definition.Name, err)
		}
	}
	return nil
}

func registerKind(ctx context.Context, c client.Client, definition *apiextensionsv1.CustomResourceDefinition) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(definition)
	if err != nil {
		return err
	}
	intent := newObject(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	intent.Object["metadata"] = map[string]any{"name": definition.Name, "labels": anyMap(definition.Labels)}
	intent.Object["spec"] = content["spec"]
	err = c.Apply(ctx, client.ApplyConfigurationFromUnstructured(intent), client.ForceOwnership, client.FieldOwner(names.ManagerCluster))
	if err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, establishPoll, establishTimeout, true, func(ctx context.Context) (bool, error) {
		var live apiextensionsv1.CustomResourceDefinition
		if err := c.Get(ctx, client.ObjectKeyFromObject(definition), &live); err != nil {
			return false, err
		}
		return established(live)
	})
}

func established(definition apiextensionsv1.CustomResourceDefinition) (bool, error) {
	for _, condition := range definition.Status.Conditions {
		if condition.Type == apiextensionsv1.NamesAccepted && condition.Status == apiextensionsv1.ConditionFalse {
			return false, fmt.Errorf("its names are taken: %s", condition.Message)
		}
	}
	return slices.ContainsFunc(definition.Status.Conditions, func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
		return c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
	}), nil
}

func anyMap(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
