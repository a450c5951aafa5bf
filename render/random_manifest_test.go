package render_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	apiv1 "postgres-operator/api/v1"
)

// random draws values from a seed: the same seed, the same values.
type random struct {
	*rand.Rand
	unique int // counts names that have to differ
}

func newRandom(seed uint64) *random { return &random{Rand: rand.New(rand.NewPCG(seed, 1))} }

func (r *random) often(share float64) bool { return r.Float64() < share }

func (r *random) word() string { return r.one("alpha", "beta", "gamma", "delta", "omega-7") }

func (r *random) one(choices ...string) string { return choices[r.IntN(len(choices))] }

func (r *random) some(choices ...string) []string {
	r.Shuffle(len(choices), func(i, j int) { choices[i], choices[j] = choices[j], choices[i] })
	return choices[:1+r.IntN(len(choices))]
}

func (r *random) name(prefix string) string {
	r.unique++
	return fmt.Sprintf("%s-%d", prefix, r.unique)
}

// manifest is a valid manifest. Density is the share of optional fields in it.
func (r *random) manifest(density float64) *apiv1.Postgresql {
	m := &apiv1.Postgresql{
		TypeMeta: metav1.TypeMeta{APIVersion: "acid.zalan.do/v1", Kind: "postgresql"},
		ObjectMeta: metav1.ObjectMeta{
			Name: r.name("acid-db"), Namespace: r.one("default", "team-a"), UID: types.UID("7a3b1c2d-0000-4000-8000-000000000001"),
			Labels:      map[string]string{"tier": "gold", "owner": "bob", "noise": "1"},
			Annotations: map[string]string{"downscaler/uptime": "always", "owned-by": "me", "noise": "2"},
		},
	}
	if r.often(0.2) {
		m.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: "1-2-3"}}
	}
	(&filler{random: r, density: density}).fill("spec", reflect.ValueOf(&m.Spec).Elem())
	return m
}

// filler walks along the types of a manifest.
type filler struct {
	*random
	density float64
}

func (f *filler) fill(path string, v reflect.Value) {
	if made := f.made(path, v.Type()); made != nil && v.Type() != reflect.TypeFor[*string]() {
		v.Set(reflect.ValueOf(made).Convert(v.Type()))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(path, v.Elem())
	case reflect.Struct:
		for _, field := range orderedFields(v.Type()) {
			if field.required || field.name == "image" || f.often(f.density) {
				f.fill(path+"."+field.name, v.FieldByIndex(field.index))
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 1 + f.IntN(3) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(path+"{key}", key)
			f.fill(path+"{}", value)
			v.SetMapIndex(key, value)
		}
	case reflect.Slice:
		for range 1 + f.IntN(2) {
			item := reflect.New(v.Type().Elem()).Elem()
			f.fill(path+"[]", item)
			v.Set(reflect.Append(v, item))
		}
	case reflect.Bool:
		v.SetBool(f.often(0.5))
	case reflect.Int32, reflect.Int64:
		v.SetInt(1 + f.Int64N(9))
	case reflect.Uint32:
		v.SetUint(1 + f.Uint64N(9))
	case reflect.String:
		v.SetString(f.word())
	default:
		panic(fmt.Sprintf("%s: no random value of type %s", path, v.Type()))
	}
}

// orderedField is a field of one of our types.
type orderedField struct {
	name     string
	index    []int
	required bool
}

func orderedFields(t reflect.Type) []orderedField {
	var fields []orderedField
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields = append(fields, orderedField{name, f.Index, !strings.Contains(options, "omit")})
		}
	}
	return fields
}

// made is a value of a form of its own; nil where any value does.
func (f *filler) made(path string, t reflect.Type) any {
	if v := f.kubernetes(t); v != nil {
		return v
	}
	if v := f.text(path); v != "" {
		return v
	}
	switch strings.TrimPrefix(path, "spec.") {
	case "numberOfInstances":
		return int32(f.IntN(6))
	case "users{}":
		return apiv1.UserFlags(f.some(f.one("superuser", "NOSUPERUSER"), f.one("createdb", "nocreatedb"), "LOGIN", "noinherit"))
	case "standby":
		return f.standby()
	case "patroni.slots{}":
		if f.often(0.5) {
			return map[string]string{"type": "physical"}
		}
		return map[string]string{"type": "logical", "database": "foo", "plugin": "pgoutput"}
	case "masterNodePort", "replicaNodePort", "masterPoolerNodePort", "replicaPoolerNodePort":
		f.unique++
		port := int32(30000 + f.unique)
		return &port
	case "additionalVolumes[].targetContainers":
		if f.often(0.3) {
			return []string{"all"}
		}
		return f.some("postgres", "telegraf", "connection-pooler")
	case "connectionPooler.maxDBConnections":
		n := 20 + f.Int32N(100)
		return &n
	}
	return nil
}

func (f *filler) standby() *apiv1.StandbyDescription {
	s := &apiv1.StandbyDescription{}
	if f.often(0.7) {
		s.StandbyHost, s.StandbyPort, s.StandbyPrimarySlotName = "primary.example.com", f.one("5432", "6432", ""), f.one("slot_1", "")
	}
	switch {
	case s.StandbyHost == "" && f.often(0.5), f.often(0.3):
		s.S3WalPath = "s3://bucket/" + f.word()
	case s.StandbyHost == "", f.often(0.4):
		s.GSWalPath = "gs://bucket/" + f.word()
	}
	return s
}

// text is a text in the form that the field at a path has; empty for any word.
func (f *filler) text(path string) string {
	path = strings.TrimPrefix(path, "spec.")
	end := path[strings.LastIndexAny(path, ".")+1:]
	switch {
	case strings.HasSuffix(path, "nnotations{key}"):
		return f.one("a", "b.example.com/c", "prometheus.io/scrape", "owned-by")
	case strings.Contains(path, "esources.requests.") || strings.Contains(path, "esources.limits."):
		return f.quantity(end)
	}
	switch end {
	case "dockerImage", "image":
		return "registry.example.com/" + f.word() + ":" + f.one("1", "2")
	case "subPath":
		return f.one("data", "a/b", "$(POD_NAME)")
	case "caFile", "certificateFile", "privateKeyFile":
		return f.one("x.pem", "/abs/y.pem")
	}
	switch path {
	case "teamId":
		return f.one("acid", "team-a", "x1")
	case "postgresql.version":
		return f.one("14", "15", "16", "17", "18")
	case "postgresql.parameters{key}":
		return f.one("shared_buffers", "max_connections", "log_statement", "password_encryption", "bg_mon.history_buckets", "wal_level")
	case "patroni.initdb{key}":
		return f.one("encoding", "locale", "data-checksums", "auth-host")
	case "patroni.initdb{}":
		return f.one("UTF8", "true", "false", "C")
	case "users{key}":
		return f.one("zalando", "foo_user", "app-1", "team-b.crossing")
	case "volume.size":
		return f.one("1Gi", "10Gi", "1.5Ti", "1000M", "1e9")
	case "clone.uid":
		return "efd12e58-5786-11e8-b5a7-06148230260c"
	case "clone.timestamp":
		return f.one("2026-01-01T12:40:33+01:00", "2026-02-03T04:05:06.789-08:00")
	case "allowedSourceRanges[]":
		return f.one("10.0.0.0/8", "192.168.1.1/32", "fd00::/8")
	case "connectionPooler.mode":
		return f.one("session", "transaction")
	case "sidecars[].name":
		return f.name("sidecar")
	case "additionalVolumes[].name":
		return f.name("vol")
	case "additionalVolumes[].mountPath":
		return "/mnt/" + f.name("path")
	case "tls.secretName", "tls.caSecretName":
		return f.name("cert")
	case "maintenanceWindows[]":
		return f.one("01:00-06:00", "Sat:22:00-04:00", "Mon:3:0-4:59")
	case "logicalBackupSchedule":
		return f.one("30 00 * * *", "*/15 3 1 * 0")
	case "logicalBackupRetention":
		return f.one("3 days", "2 weeks")
	case "streams[].applicationId":
		return f.one("app-1", "app-2")
	case "streams[].tables{key}", "streams[].filter{key}":
		return f.one("data.orders", "payments")
	case "streams[].cpu":
		return f.quantity("cpu")
	case "streams[].memory":
		return f.quantity("memory")
	}
	return ""
}

func (f *filler) quantity(name string) string {
	if name == "cpu" {
		return f.one("100m", "0.5", "2", "1.125", "0", "null")
	}
	return f.one("128Mi", "1Gi", "0.5G", "1e9", "0", "null")
}

// kubernetes is a value of a type that is Kubernetes' own.
func (f *filler) kubernetes(t reflect.Type) any {
	switch t {
	case reflect.TypeFor[corev1.EnvVar]():
		return f.variable()
	case reflect.TypeFor[corev1.EnvFromSource]():
		name := corev1.LocalObjectReference{Name: f.word()}
		if f.often(0.5) {
			return corev1.EnvFromSource{Prefix: f.one("", "X_"), SecretRef: &corev1.SecretEnvSource{LocalObjectReference: name}}
		}
		return corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: name, Optional: new(f.often(0.5))}}
	case reflect.TypeFor[corev1.ContainerPort]():
		return corev1.ContainerPort{Name: f.name("p"), ContainerPort: 1000 + f.Int32N(9000), Protocol: corev1.Protocol(f.one("", "TCP", "UDP"))}
	case reflect.TypeFor[corev1.Container]():
		return f.container()
	case reflect.TypeFor[corev1.Toleration]():
		return f.toleration()
	case reflect.TypeFor[corev1.TopologySpreadConstraint]():
		return corev1.TopologySpreadConstraint{
			MaxSkew: 1 + f.Int32N(3), TopologyKey: f.name("zone"), WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: f.selector(),
		}
	case reflect.TypeFor[*corev1.Probe]():
		return &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/liveness", Port: intstr.FromInt32(8008)}},
			PeriodSeconds: f.Int32N(30),
		}
	case reflect.TypeFor[*corev1.NodeAffinity]():
		return f.nodeAffinity()
	case reflect.TypeFor[*metav1.LabelSelector]():
		return f.selector()
	case reflect.TypeFor[runtime.RawExtension]():
		return runtime.RawExtension{Raw: json.RawMessage(f.one(
			`{"emptyDir":{}}`, `{"configMap":{"name":"conf","items":[{"key":"a","path":"b"}]}}`, `{"secret":{"secretName":"s","defaultMode":416}}`,
			`{"projected":{"sources":[{"secret":{"name":"x"}},{"configMap":{"name":"y"}}]}}`, `{"persistentVolumeClaim":{"claimName":"c","readOnly":true}}`))}
	}
	return nil
}

func (f *filler) variable() corev1.EnvVar {
	v := corev1.EnvVar{Name: f.one("WAL_S3_BUCKET", "AWS_REGION", "FOO", "bar_1", "ENABLE_WAL_PATH_COMPAT", "SCOPE")}
	switch f.IntN(4) {
	case 0:
		v.ValueFrom = &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: "s"}, Key: "k"}}
	case 1:
		v.ValueFrom = &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu", Divisor: resource.MustParse("1m")}}
	case 2:
		v.Value = f.one(`"quoted" {{x}} \ é`, "$(SCOPE)", "1", "true", "null")
	}
	return v
}

func (f *filler) container() corev1.Container {
	c := corev1.Container{Name: f.name("init"), Image: "busybox:" + f.word(), Command: []string{"/bin/sh", "-c", "true"}}
	if f.often(0.5) {
		c.Env = []corev1.EnvVar{f.variable()}
	}
	if f.often(0.3) {
		c.Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("1000m"), "memory": resource.MustParse("1Gi")}
	}
	if f.often(0.3) {
		c.VolumeMounts = []corev1.VolumeMount{{Name: "pgdata", MountPath: "/data", ReadOnly: true}}
		c.SecurityContext = &corev1.SecurityContext{RunAsUser: new(int64(0))}
	}
	if f.often(0.3) {
		c.Ports = []corev1.ContainerPort{{ContainerPort: 80}, {ContainerPort: 80, Protocol: corev1.ProtocolUDP}}
	}
	return c
}

func (f *filler) toleration() corev1.Toleration {
	if f.often(0.3) {
		return corev1.Toleration{Operator: corev1.TolerationOpExists}
	}
	t := corev1.Toleration{Key: f.word(), Operator: corev1.TolerationOpEqual, Value: f.word(), Effect: corev1.TaintEffectNoExecute}
	if f.often(0.5) {
		t.TolerationSeconds = new(f.Int64N(600))
	}
	return t
}

func (f *filler) selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{
		MatchLabels:      map[string]string{f.word(): f.word(), "tier": "gold"},
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "x", Operator: metav1.LabelSelectorOpIn, Values: f.some("a", "b")}},
	}
}

func (f *filler) nodeAffinity() *corev1.NodeAffinity {
	term := func() corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
			{Key: f.word(), Operator: corev1.NodeSelectorOpIn, Values: f.some("a", "b")}, {Key: "cores", Operator: corev1.NodeSelectorOpGt, Values: []string{"4"}}}}
	}
	affinity := &corev1.NodeAffinity{}
	if f.often(0.7) {
		affinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term(), term()}}
	}
	if f.often(0.5) {
		affinity.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.PreferredSchedulingTerm{{Weight: 1 + f.Int32N(100), Preference: term()}}
	}
	return affinity
}
