package config

// Config is the effective configuration of the operator. The fields of its
// groups are promoted: read c.DockerImage, not c.General.DockerImage. A group
// is named like its object in an OperatorConfiguration.
type Config struct {
	General             `crd:""`
	Users               `crd:"users"`
	MajorVersionUpgrade `crd:"major_version_upgrade"`
	Kubernetes          `crd:"kubernetes"`
	PodResources        `crd:"postgres_pod_resources"`
	Timeouts            `crd:"timeouts"`
	LoadBalancer        `crd:"load_balancer"`
	Cloud               `crd:"aws_or_gcp"`
	Debug               `crd:"debug"`
	TeamsAPI            `crd:"teams_api"`
	RESTAPI             `crd:"logging_rest_api"`
	Scalyr              `crd:"scalyr"`
	LogicalBackup       `crd:"logical_backup"`
	ConnectionPooler    `crd:"connection_pooler"`
	Patroni             `crd:"patroni"`
	Overlays            `crd:"overlays"`
	Fleet               `crd:"fleet"`

	// Warnings tell what was read and had no effect: unknown and obsolete
	// keys, incomplete entries. They are no part of the configuration.
	Warnings []string
}

// Default returns the configuration of an operator that was given neither
// ConfigMap nor object. Names of Secrets and ConfigMaps in it have no
// namespace; FromConfigMap with nil data adds the operator's.
func Default() Config {
	c, err := FromConfigMap(nil, "")
	if err != nil {
		panic("config: bad default in a tag: " + err.Error()) // a test loads the defaults
	}
	return c
}

// FromConfigMap reads the flat form. A key that is absent takes its default; a
// key with an empty value is empty, which switches a default off. All bad keys
// are reported together, one *KeyError each. Names without a namespace are
// looked for in operatorNamespace.
func FromConfigMap(data map[string]string, operatorNamespace string) (Config, error) {
	var c Config
	l := loader{operatorNamespace: operatorNamespace}
	known := make(map[string]bool, len(data))
	for _, f := range fields(&c) {
		l.name = f.Key
		text, present := data[f.Key]
		if f.Only == formObject {
			text, present = "", false
		} else {
			known[f.Key] = true
		}
		if !present || (text == "" && f.emptyIsDefault) {
			text = f.Default
		}
		l.report(f, text, l.setText(f, text))
		if present {
			l.warnObsolete(f)
		}
	}
	for key := range data {
		if !known[key] {
			l.warn("unknown key " + key)
		}
	}
	return l.finish(c)
}

// FromObject reads the value of `configuration` of an OperatorConfiguration.
// Where an option is absent it takes the default of the schema, as the API
// server would have set it, or, with its whole group absent, the default that
// the code has for this case. All bad keys are reported together, one
// *KeyError each with the path as key. Names without a namespace are looked
// for in operatorNamespace.
func FromObject(configuration map[string]any, operatorNamespace string) (Config, error) {
	var c Config
	l := loader{operatorNamespace: operatorNamespace, object: true}
	known := map[string]bool{}
	for _, f := range fields(&c) {
		if f.Only == formConfigMap {
			continue
		}
		l.name = f.Path
		known[f.Path] = true
		group, grouped := l.group(configuration, f.Group)
		value := group[f.Key]
		switch {
		case value != nil && (!isZero(value) || !f.zeroIsCode()):
			l.report(f, value, l.setValue(f, value))
		case value != nil, !grouped:
			l.report(f, f.Code, l.setText(f, f.Code))
		default:
			l.report(f, f.Schema, l.setText(f, f.Schema))
		}
	}
	l.warnUnknown(configuration, known)
	return l.finish(c)
}
