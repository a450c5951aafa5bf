package v1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Resources are the requests and limits of a container.
type Resources struct {
	// requests is what the scheduler sets aside.
	//
	// +optional
	ResourceRequests ResourceDescription `json:"requests,omitempty"`

	// limits is the most that the container may use.
	//
	// +optional
	ResourceLimits ResourceDescription `json:"limits,omitempty"`
}

// ResourceDescription holds quantities by resource. An absent value, "" and "0" fall back to the
// operator's configuration.
type ResourceDescription struct {
	// cpu in cores, such as "500m" or "1.5".
	//
	// +kubebuilder:validation:Pattern=`^(\d+m|\d+(\.\d{1,3})?)$`
	CPU *string `json:"cpu,omitempty"`

	// memory in bytes, such as "1Gi".
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	Memory *string `json:"memory,omitempty"`

	// hugepages-2Mi is memory in huge pages of 2 MiB.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	HugePages2Mi *string `json:"hugepages-2Mi,omitempty"`

	// hugepages-1Gi is memory in huge pages of 1 GiB.
	//
	// +kubebuilder:validation:Pattern=`^(\d+(e\d+)?|\d+(\.\d+)?(e\d+)?[EPTGMK]i?)$`
	HugePages1Gi *string `json:"hugepages-1Gi,omitempty"`
}

// Sidecar is a further container of the database pods. It gets the data volume and the coordinates of
// the database in its environment.
type Sidecar struct {
	// name of the container; "sidecar-<index>" when absent.
	Name string `json:"name,omitempty"`

	// image is the image of the container.
	DockerImage string `json:"image,omitempty"`

	// resources of the container.
	Resources *Resources `json:"resources,omitempty"`

	// ports of the container.
	Ports []corev1.ContainerPort `json:"ports,omitempty"`

	// env of the container, after what the operator sets.
	Env []corev1.EnvVar `json:"env,omitempty"`

	// command of the container.
	Command []string `json:"command,omitempty"`
}

// AdditionalVolume is a further volume of the database pods, and where it is mounted.
type AdditionalVolume struct {
	// name of the volume.
	Name string `json:"name"`

	// mountPath in the containers.
	MountPath string `json:"mountPath"`

	// subPath of the volume that is mounted.
	SubPath string `json:"subPath,omitempty"`

	// isSubPathExpr expands $(VAR) in subPath.
	IsSubPathExpr *bool `json:"isSubPathExpr,omitempty"`

	// targetContainers by name, or the single item "all". None means the postgres container.
	//
	// +nullable
	TargetContainers []string `json:"targetContainers,omitempty"`

	// volumeSource as in the volumes of a pod. It is passed on verbatim, so that a source which a newer
	// Kubernetes brings needs no newer operator.
	//
	// +kubebuilder:pruning:PreserveUnknownFields
	VolumeSource runtime.RawExtension `json:"volumeSource"`
}

// ConnectionPooler are the settings of PgBouncer in front of the cluster.
type ConnectionPooler struct {
	// numberOfInstances is the number of pooler pods.
	//
	// +kubebuilder:validation:Minimum=1
	NumberOfInstances *int32 `json:"numberOfInstances,omitempty"`

	// schema of the function that looks up passwords.
	Schema string `json:"schema,omitempty"`

	// user is the role the pooler connects with.
	User string `json:"user,omitempty"`

	// mode says how long a server connection belongs to a client.
	//
	// +kubebuilder:validation:Enum=session;transaction
	Mode string `json:"mode,omitempty"`

	// dockerImage overrides the image of the pooler.
	DockerImage string `json:"dockerImage,omitempty"`

	// maxDBConnections is the number of server connections of all pooler pods together.
	MaxDBConnections *int32 `json:"maxDBConnections,omitempty"`

	// resources of the pooler's container.
	Resources *Resources `json:"resources,omitempty"`
}

// TLSDescription names the Secrets that hold certificate and key of the server.
type TLSDescription struct {
	// secretName of certificate and key; empty means the self-signed certificate.
	SecretName string `json:"secretName"`

	// certificateFile in the Secret; "tls.crt" when absent.
	CertificateFile string `json:"certificateFile,omitempty"`

	// privateKeyFile in the Secret; "tls.key" when absent.
	PrivateKeyFile string `json:"privateKeyFile,omitempty"`

	// caFile in the Secret, or in the one of caSecretName.
	CAFile string `json:"caFile,omitempty"`

	// caSecretName is a second Secret, which holds the certificate of the authority.
	CASecretName string `json:"caSecretName,omitempty"`
}
