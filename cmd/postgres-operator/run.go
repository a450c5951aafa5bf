package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	zaplog "go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"postgres-operator/config"
	"postgres-operator/controller"
)

// namespaceFile is where Kubernetes tells a pod its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

type runFlags struct {
	kubeconfig       string
	outOfCluster     bool
	portForward      string
	noDatabaseAccess bool
	noTeamsAPI       bool
	kubeQPS          int
	kubeBurst        int
	probeAddress     string
	metricsAddress   string
	leaderElection   bool
	profiles         bool
}

func parseRunFlags(args []string, stderr io.Writer) (runFlags, error) {
	var f runFlags
	set := flag.NewFlagSet("run", flag.ContinueOnError)
	set.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig file, with -outofcluster")
	set.BoolVar(&f.outOfCluster, "outofcluster", false, "use a kubeconfig instead of the pod's credentials")
	set.StringVar(&f.portForward, "port-forward", os.Getenv("PORT_FORWARD"), "reach Postgres and Patroni through the API server: "+
		"never, auto (where the network does not lead to them) or always; auto with -outofcluster, else never; also PORT_FORWARD")
	set.BoolVar(&f.noDatabaseAccess, "nodatabaseaccess", false, "leave roles and databases alone, whatever enable_database_access says")
	set.BoolVar(&f.noTeamsAPI, "noteamsapi", false, "ask no teams API, whatever enable_teams_api says")
	set.IntVar(&f.kubeQPS, "kubeqps", 0, "accepted for compatibility: there is no client-side rate limit")
	set.IntVar(&f.kubeBurst, "kubeburst", 0, "accepted for compatibility: there is no client-side rate limit")
	set.StringVar(&f.probeAddress, "probe-address", ":8081", "address of /healthz and /readyz, 0 for none")
	set.StringVar(&f.metricsAddress, "metrics-address", ":8082", "address of /metrics, 0 for none")
	set.BoolVar(&f.leaderElection, "leader-election", true, "work only while holding the lease in the operator's namespace")
	set.BoolVar(&f.profiles, "pprof", false, "serve profiles of this process below /debug/pprof/ of the REST API")
	return f, parse(set, args, stderr)
}

func runCommand(ctx context.Context, args []string, _, stderr io.Writer) error {
	flags, err := parseRunFlags(args, stderr)
	if err != nil {
		return err
	}
	level := zaplog.NewAtomicLevelAt(zapcore.InfoLevel)
	log := newLogger(stderr, level)
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	restConfig, err := flags.restConfig()
	if err != nil {
		return err
	}
	forwarding, err := flags.forwarding()
	if err != nil {
		return err
	}
	namespace, err := operatorNamespace()
	if err != nil {
		return err
	}
	log.Info("starting", "version", version, "namespace", namespace)
	return controller.Run(ctx, controller.Options{
		REST: restConfig,
		Source: controller.ConfigSource{
			OperatorNamespace:   namespace,
			ConfigMap:           os.Getenv("CONFIG_MAP_NAME"),
			ConfigurationObject: os.Getenv("POSTGRES_OPERATOR_CONFIGURATION_OBJECT"),
			Override:            flags.override,
		},
		ControllerID:   os.Getenv("CONTROLLER_ID"),
		ProbeAddress:   flags.probeAddress,
		MetricsAddress: flags.metricsAddress,
		LeaderElection: flags.leaderElection,
		API:            true,
		Profiles:       flags.profiles,
		JSONLog:        jsonLogging(),
		Forwarding:     forwarding,
		Version:        version,
		Log:            log,
		SetDebug:       func(debug bool) { level.SetLevel(logLevel(debug)) },
	})
}

// override puts what the environment and the flags say over a configuration that was read.
func (f runFlags) override(c config.Config) (config.Config, error) {
	if f.noDatabaseAccess {
		c.EnableDBAccess = false
	}
	if f.noTeamsAPI {
		c.EnableTeamsAPI = false
	}
	return c.WithEnvironment(os.LookupEnv)
}

func (f runFlags) restConfig() (*rest.Config, error) {
	if !f.outOfCluster {
		c, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, errors.New("not in a pod: use -outofcluster, with -kubeconfig or KUBECONFIG")
		}
		return c, err
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	c, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	return c, nil
}

// forwarding is how pods are reached: inside the cluster the network leads to them.
func (f runFlags) forwarding() (controller.Forwarding, error) {
	mode := controller.Forwarding(f.portForward)
	switch {
	case mode == "" && f.outOfCluster:
		return controller.ForwardAuto, nil
	case mode == "":
		return controller.ForwardNever, nil
	case !slices.Contains(controller.ForwardingModes(), mode):
		return "", fmt.Errorf("port-forward %q is not one of %v", mode, controller.ForwardingModes())
	}
	return mode, nil
}

func operatorNamespace() (string, error) {
	if namespace := os.Getenv("OPERATOR_NAMESPACE"); namespace != "" {
		return namespace, nil
	}
	content, err := os.ReadFile(namespaceFile)
	if err != nil {
		return "", fmt.Errorf("the operator's namespace is not known: set OPERATOR_NAMESPACE (%w)", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// newLogger writes one line an entry: JSON with ENABLE_JSON_LOGGING=true, else text.
func newLogger(w io.Writer, level zaplog.AtomicLevel) logr.Logger {
	options := []zap.Opts{zap.WriteTo(w), zap.Level(level), zap.StacktraceLevel(zapcore.PanicLevel)}
	if jsonLogging() {
		options = append(options, zap.JSONEncoder(humanTime))
	} else {
		options = append(options, zap.ConsoleEncoder(humanTime))
	}
	return zap.New(options...)
}

func jsonLogging() bool { return os.Getenv("ENABLE_JSON_LOGGING") == "true" }

func logLevel(debug bool) zapcore.Level {
	if debug {
		return zapcore.DebugLevel
	}
	return zapcore.InfoLevel
}

func humanTime(c *zapcore.EncoderConfig) { c.EncodeTime = zapcore.ISO8601TimeEncoder }
