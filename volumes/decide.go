package volumes

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Decision is what to do now, and what to say.
type Decision struct {
	Steps    []Step
	Findings []Finding
}

// Decide decides about all claims.
func Decide(s State) Decision {
	d := &Decision{}
	claims := slices.Clone(s.Claims)
	slices.SortFunc(claims, func(a, b Claim) int { return strings.Compare(a.Name, b.Name) })
	for _, c := range claims {
		d.annotate(c, s.Wanted.Annotations)
		switch s.Mode {
		case Off:
			d.off(s, c)
		case EBS:
			d.disk(s, c)
		case Mixed:
			d.modify(s, c)
			d.claim(s, c)
		default:
			d.claim(s, c)
		}
	}
	return *d
}

// Worst is the reason that needs attention most.
func (d Decision) Worst() Reason {
	worst := Resized
	for _, f := range d.Findings {
		if f.Reason.weight() > worst.weight() {
			worst = f.Reason
		}
	}
	return worst
}

// Message puts the findings into one text.
func (d Decision) Message() string {
	if len(d.Findings) == 0 {
		return "every volume is as the manifest asks"
	}
	var texts []string
	for _, f := range d.Findings {
		texts = append(texts, f.Message)
	}
	return strings.Join(texts, "; ")
}

func (d *Decision) find(reason Reason, claim, format string, args ...any) {
	d.Findings = append(d.Findings, Finding{reason, "claim " + claim + ": " + fmt.Sprintf(format, args...)})
}

func (d *Decision) do(step Step) { d.Steps = append(d.Steps, step) }

// annotate adds what a claim lacks. What others put on it stays.
func (d *Decision) annotate(c Claim, wanted map[string]string) {
	missing := map[string]string{}
	for key, value := range wanted {
		if have, ok := c.Annotations[key]; !ok || have != value {
			missing[key] = value
		}
	}
	if len(missing) > 0 {
		keys := strings.Join(slices.Sorted(maps.Keys(missing)), ", ")
		d.do(Step{Kind: Annotate, Claim: c.Name, Reason: "the manifest has other annotations: " + keys, Annotations: missing})
	}
}

func (d *Decision) off(s State, c Claim) {
	if c.Requested.Cmp(s.Wanted.Size) != 0 {
		d.find(SwitchedOff, c.Name, "it keeps %s, the manifest asks for %s; storage_resize_mode is off", c.Requested.String(), s.Wanted.Size.String())
	}
}
