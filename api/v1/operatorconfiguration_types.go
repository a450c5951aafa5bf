package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// OperatorConfiguration is the configuration of an operator as an object.
//
// +kubebuilder:object:root=true
type OperatorConfiguration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
}

// OperatorConfigurationList is a list of OperatorConfigurations.
//
// +kubebuilder:object:root=true
type OperatorConfigurationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []OperatorConfiguration `json:"items"`
}
