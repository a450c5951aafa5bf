package v1

import (
	"regexp"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var (
	timestampPattern = regexp.MustCompile(`^([0-9]+)-(0[1-9]|1[012])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(\.[0-9]+)?(([+-]([01][0-9]|2[0-3]):[0-5][0-9]))$`)
	uuidPattern      = regexp.MustCompile(`(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$`)
	// clusterPattern and 63 characters are what the name of a running source looks like: its Service.
	clusterPattern = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)
	slotPattern    = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)
)

// validateClone checks the source of a copy: an archive up to a point in time, or a running cluster.
func validateClone(spec *PostgresSpec, path *field.Path) field.ErrorList {
	clone, path := spec.Clone, path.Child("clone")
	if clone == nil {
		return nil
	}
	errs := matches(clone.UID, uuidPattern, path.Child("uid"), "a UUID, such as that of metadata.uid of the source")
	errs = append(errs, validateTimestamp(clone.EndTimestamp, path.Child("timestamp"))...)
	switch {
	case clone.ClusterName == "":
		errs = append(errs, field.Required(path.Child("cluster"), "name the cluster to copy"))
	case clone.EndTimestamp != "": // an archive may belong to a cluster that is no more
	case len(clone.ClusterName) > validation.DNS1035LabelMaxLength || !clusterPattern.MatchString(clone.ClusterName):
		errs = append(errs, field.Invalid(path.Child("cluster"), clone.ClusterName,
			"without a timestamp, want the name of a running cluster: at most 63 lower case letters, digits and '-', "+
				"starting with a letter and not ending with '-'"))
	}
	return errs
}

func validateTimestamp(text string, path *field.Path) field.ErrorList {
	const form = "a date and time with its offset from UTC, such as 2026-01-31T13:00:00+00:00; Z is not an offset here"
	if errs := matches(text, timestampPattern, path, form); text == "" || len(errs) > 0 {
		return errs
	}
	if len(text) > len(time.DateOnly) && text[4] == '-' {
		if _, err := time.Parse(time.DateOnly, text[:len(time.DateOnly)]); err != nil {
			return field.ErrorList{field.Invalid(path, text, "there is no such day")}
		}
	}
	return nil
}

// validateStandby checks the source of a standby cluster. Port and slot count only with a host.
func validateStandby(spec *PostgresSpec, path *field.Path) field.ErrorList {
	standby, path := spec.StandbyCluster, path.Child("standby")
	if standby == nil {
		return nil
	}
	var errs field.ErrorList
	if standby.StandbyHost == "" && standby.S3WalPath == "" && standby.GSWalPath == "" {
		errs = append(errs, field.Required(path, "a standby needs a source: standby_host, s3_wal_path or gs_wal_path"))
	}
	if standby.S3WalPath != "" && standby.GSWalPath != "" {
		errs = append(errs, field.Forbidden(path.Child("gs_wal_path"), "s3_wal_path and gs_wal_path exclude each other"))
	}
	if standby.StandbyHost == "" {
		return errs
	}
	if port, err := strconv.Atoi(standby.StandbyPort); standby.StandbyPort != "" && (err != nil || port < 1 || port > 65535) {
		errs = append(errs, field.Invalid(path.Child("standby_port"), standby.StandbyPort, "want a port between 1 and 65535"))
	}
	return append(errs, matches(standby.StandbyPrimarySlotName, slotPattern, path.Child("standby_primary_slot_name"),
		"1 to 63 lower case letters, digits and underscores")...)
}

func validateStreams(spec *PostgresSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, stream := range spec.Streams {
		path := path.Child("streams").Index(i)
		if stream.BatchSize != nil {
			errs = append(errs, fits32(*stream.BatchSize, path.Child("batchSize"))...)
		}
		errs = append(errs, validateAmount(stream.CPU, cpuPattern, cpuForm, path.Child("cpu"))...)
		errs = append(errs, validateAmount(stream.Memory, memoryPattern, memoryForm, path.Child("memory"))...)
	}
	return errs
}
