package v1

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

var cronPattern = regexp.MustCompile(`^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$`)

// cronField is one of the five fields of a schedule.
type cronField struct {
	name      string
	low, high int
}

func cronFields() []cronField {
	return []cronField{{"minute", 0, 59}, {"hour", 0, 23}, {"day of month", 1, 31}, {"month", 1, 12}, {"day of week", 0, 6}}
}

// validateBackup checks schedules: that of logical backups, and the windows for maintenance.
func validateBackup(spec *PostgresSpec, path *field.Path) field.ErrorList {
	schedule := path.Child("logicalBackupSchedule")
	errs := matches(spec.LogicalBackupSchedule, cronPattern, schedule,
		`five fields, each a number or *, with an optional step after a slash, such as "30 00 * * *"`)
	if len(errs) == 0 && spec.LogicalBackupSchedule != "" && spec.EnableLogicalBackup {
		errs = append(errs, validateCron(spec.LogicalBackupSchedule, schedule)...)
	}
	for i, window := range spec.MaintenanceWindows {
		if _, err := window.Parse(); err != nil {
			errs = append(errs, field.Invalid(path.Child("maintenanceWindows").Index(i), string(window),
				"want HH:MM-HH:MM or Ddd:HH:MM-HH:MM in UTC, with Ddd one of Mon, Tue, Wed, Thu, Fri, Sat, Sun"))
		}
	}
	return errs
}

// validateCron checks the numbers of a schedule, which a CronJob would be refused for.
func validateCron(schedule string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, text := range strings.Fields(schedule) {
		f := cronFields()[i]
		start, step, stepped := strings.Cut(text, "/")
		if n, err := strconv.Atoi(start); start != "*" && (err != nil || n < f.low || n > f.high) {
			errs = append(errs, field.Invalid(path, schedule, fmt.Sprintf("the %s must be between %d and %d, not %s", f.name, f.low, f.high, start)))
		}
		if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1) {
			errs = append(errs, field.Invalid(path, schedule, fmt.Sprintf("the step of the %s must be 1 or more, not %s", f.name, step)))
		}
	}
	return errs
}
