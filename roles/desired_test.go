package roles

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"postgres-operator/config"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// Each scenario is a manifest, a configuration and what else is known; the outcome is the Set in words.
// The statements follow where a section plan.sql is wanted: those for a fresh server.
func TestDesired(t *testing.T) {
	files, err := filepath.Glob("../testdata/roles/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			sections := map[string]*txtar.File{}
			for i := range archive.Files {
				sections[archive.Files[i].Name] = &archive.Files[i]
			}
			set := desiredFrom(t, sections)
			got := map[string]string{"set.txt": describeSet(set)}
			if sections["plan.sql"] != nil {
				got["plan.sql"] = Diff(set, freshServer(), everyPassword(set)).String()
			}
			for name, text := range got {
				if *update {
					sections[name].Data = []byte(text)
					continue
				}
				require.Equal(t, string(sections[name].Data), text)
			}
			if *update {
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
			}
		})
	}
}

func desiredFrom(t *testing.T, sections map[string]*txtar.File) Set {
	t.Helper()
	data := map[string]string{}
	var extra Extra
	if file := sections["config.yaml"]; file != nil {
		require.NoError(t, yaml.UnmarshalStrict(file.Data, &data))
	}
	if file := sections["extra.yaml"]; file != nil {
		require.NoError(t, yaml.UnmarshalStrict(file.Data, &extra))
	}
	c, err := config.FromConfigMap(data, "default")
	require.NoError(t, err)
	return Desired(parse(t, string(sections["manifest.yaml"].Data)), c, extra)
}

func everyPassword(set Set) Passwords {
	clear := map[string]string{}
	for _, role := range set.Roles {
		clear[role.Name] = "secret"
	}
	return Passwords{Clear: clear}
}

// freshServer is what bootstrap leaves.
func freshServer() State {
	return State{
		Version: 170000, User: "postgres",
		Roles: map[string]ActualRole{
			"postgres": {Flags: map[string]bool{"LOGIN": true, "SUPERUSER": true, "INHERIT": true}},
			"standby":  {Flags: map[string]bool{"LOGIN": true, "REPLICATION": true, "INHERIT": true}},
			"admin":    {}, "cron_admin": {}, "zalandos": {},
		},
		Databases: map[string]ActualDatabase{"postgres": {Owner: "postgres", AllowsConnections: true, Contents: &Contents{}}},
	}
}

func describeSet(set Set) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, role := range set.Roles {
		text := fmt.Sprintf("role %s (%s): %s", role.Name, role.Kind, strings.Join(role.Flags, " "))
		if len(role.MemberOf) > 0 {
			text += "; in " + strings.Join(role.MemberOf, ", ")
		}
		if role.AdminRole != "" {
			text += "; admin " + role.AdminRole
		}
		if role.DatabaseOwner {
			text += "; owns databases"
		}
		if role.NeedsSecret() {
			text += "; secret"
			if role.SecretNamespace != "" {
				text += " in " + role.SecretNamespace
			}
		}
		if len(role.Parameters) > 0 {
			text += fmt.Sprintf("; %v", role.Parameters)
		}
		line("%s", text)
	}
	for _, database := range set.Databases {
		keep := ""
		if database.KeepOwner {
			keep = " (if new)"
		}
		line("database %s: owner %s%s, %d default privileges", database.Name, database.Owner, keep, len(database.Defaults))
		for _, schema := range database.Schemas {
			line("  schema %s: owner %s, used by %s", schema.Name, schema.Owner, strings.Join(schema.Usage, ", "))
		}
		for _, extension := range database.Extensions {
			line("  extension %s in %s", extension.Name, extension.Schema)
		}
	}
	if set.Lookup != nil {
		line("lookup function in schema %s for %s", set.Lookup.Schema, set.Lookup.Role)
	}
	if set.MD5 {
		line("passwords as md5")
	}
	for _, problem := range set.Problems {
		line("problem: %s", problem.Error())
	}
	return b.String()
}
