package patroni

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
)

// Config reads the configuration that all members share: GET /config. Numbers
// are json.Number. A member answers from its memory, which can be loop_wait old
// after a patch through another one. A cluster that is still being bootstrapped
// has no configuration, which is ErrNotBootstrapped.
func (c *Client) Config(ctx context.Context) (map[string]any, error) {
	var config map[string]any
	_, err := c.do(ctx, request{method: http.MethodGet, path: "config", idempotent: true}, &config)
	switch {
	case hasStatus(err, http.StatusBadGateway):
		return nil, fmt.Errorf("%w: %w", ErrNotBootstrapped, err)
	case err != nil:
		return nil, err
	case len(config) == 0:
		return nil, fmt.Errorf("patroni: GET %s: %w", c.base.JoinPath("config"), ErrNotBootstrapped)
	}
	return config, nil
}

// PatchConfig merges patch into the shared configuration, where null removes a
// key: PATCH /config. It returns the configuration that came of it. Members
// take it over within their loop_wait.
func (c *Client) PatchConfig(ctx context.Context, patch map[string]any) (map[string]any, error) {
	var config map[string]any
	_, err := c.do(ctx, request{method: http.MethodPatch, path: "config", body: patch, idempotent: true}, &config)
	switch {
	case hasStatus(err, http.StatusServiceUnavailable):
		return nil, fmt.Errorf("%w: %w", ErrNotBootstrapped, err)
	case err != nil:
		return nil, err
	}
	return config, nil
}

// SetPause switches automatic failover off (true) or on again.
// https://patroni.readthedocs.io/en/latest/pause.html
func (c *Client) SetPause(ctx context.Context, pause bool) error {
	patch := map[string]any{"pause": nil}
	if pause {
		patch["pause"] = true
	}
	_, err := c.PatchConfig(ctx, patch)
	return err
}

// ConfigDiff returns the patch that makes live agree with desired, nil when it
// does already. Only keys of desired count; others belong to somebody else.
// nil in desired removes a key. Scalars are equal when their text is: Patroni
// keeps "100" and 100 alike.
func ConfigDiff(live, desired map[string]any) map[string]any {
	patch := map[string]any{}
	for key, want := range desired {
		have, present := live[key]
		wantMap, isMap := asMap(want)
		haveMap, haveIsMap := asMap(have)
		switch {
		case want == nil:
			if present {
				patch[key] = nil
			}
		case isMap && (haveIsMap || have == nil):
			inner := ConfigDiff(haveMap, wantMap)
			if inner == nil && present {
				continue
			}
			if inner != nil || len(wantMap) == 0 {
				patch[key] = emptyIfNil(inner)
			}
		case isMap:
			patch[key] = withoutNull(wantMap)
		case !present || !sameValue(have, want):
			patch[key] = want
		}
	}
	if len(patch) == 0 {
		return nil
	}
	return patch
}

func emptyIfNil(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// asMap returns v as a map of JSON, whatever the type of its values.
func asMap(v any) (map[string]any, bool) {
	if m, ok := v.(map[string]any); ok {
		return m, true
	}
	r := reflect.ValueOf(v)
	if r.Kind() != reflect.Map || r.Type().Key().Kind() != reflect.String {
		return nil, false
	}
	m := make(map[string]any, r.Len())
	for _, key := range r.MapKeys() {
		m[key.String()] = r.MapIndex(key).Interface()
	}
	return m, true
}

// withoutNull drops what a patch would remove: there is nothing to remove.
func withoutNull(m map[string]any) map[string]any {
	kept := map[string]any{}
	for key, value := range m {
		if value != nil {
			kept[key] = value
		}
	}
	return kept
}

// sameValue compares scalars by their text and lists item by item.
func sameValue(a, b any) bool {
	return reflect.DeepEqual(normal(a), normal(b))
}

// normal reduces a value to texts, lists and maps.
func normal(v any) any {
	encoded, err := json.Marshal(v)
	if err != nil {
		return v
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber() // large numbers keep their text
	var plain any
	if decoder.Decode(&plain) != nil {
		return v
	}
	return texts(plain)
}

func texts(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			return strconv.FormatFloat(f, 'f', -1, 64) // 1.0 is 1
		}
		return v.String()
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = texts(item)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, item := range v {
			m[key] = texts(item)
		}
		return m
	}
	return fmt.Sprint(v)
}
