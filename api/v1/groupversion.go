package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

//go:generate go run postgres-operator/generate -root ../..
//go:generate go run postgres-operator/generate/manifestdoc -root ../..

// GroupName is the API group of every kind in this package.
const GroupName = "acid.zalan.do"

// Kinds as they are written in a manifest. The kind of a cluster is lower-case; this is what existing
// manifests, owner references and the events of the cluster say.
const (
	KindPostgresql            = "postgresql"
	KindPostgresqlList        = "postgresqlList"
	KindPostgresTeam          = "PostgresTeam"
	KindOperatorConfiguration = "OperatorConfiguration"
	KindFleetRollout          = "FleetRollout"
)

var (
	// GroupVersion is the only version that is served and stored.
	GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1"}

	// PostgresqlKind is the kind of a cluster manifest, with group and version.
	PostgresqlKind = GroupVersion.WithKind(KindPostgresql)

	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme registers the kinds of this package.
	AddToScheme = schemeBuilder.AddToScheme
)

// addKnownTypes names the cluster's kinds explicitly, because a scheme would take them from the Go
// type names, which start with a capital letter.
func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypeWithName(PostgresqlKind, &Postgresql{})
	scheme.AddKnownTypeWithName(GroupVersion.WithKind(KindPostgresqlList), &PostgresqlList{})
	scheme.AddKnownTypes(GroupVersion,
		&PostgresTeam{}, &PostgresTeamList{},
		&OperatorConfiguration{}, &OperatorConfigurationList{},
		&FleetRollout{}, &FleetRolloutList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
