package config

import (
	"fmt"

	"postgres-operator/window"
)

func parseWindows(texts []string) ([]window.Window, error) {
	var windows []window.Window
	for _, text := range texts {
		w, err := window.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s; %q is none", window.Form, text)
		}
		windows = append(windows, w)
	}
	return windows, nil
}
