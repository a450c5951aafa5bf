package volumes

import "k8s.io/apimachinery/pkg/api/resource"

// claim brings a claim to the wanted size by its request.
func (d *Decision) claim(s State, c Claim) {
	wanted := s.Wanted.Size
	order := c.Requested.Cmp(wanted)
	switch {
	case !c.Bound && order != 0:
		d.find(NotBound, c.Name, "it has no volume yet; until it has, it keeps its request of %s", c.Requested.String())
	case order < 0:
		d.grow(c, wanted)
	case order > 0:
		d.shrink(c, wanted)
	case c.Bound && c.Capacity.Cmp(wanted) < 0:
		d.growing(c, wanted)
	}
}

func (d *Decision) grow(c Claim, wanted resource.Quantity) {
	if why := c.Class.refuses(); why != "" {
		d.find(NotExpandable, c.Name, "it cannot grow to %s: %s", wanted.String(), why)
		return
	}
	d.request(c, wanted, "grows")
	d.find(Resizing, c.Name, "it grows from %s to %s", c.Requested.String(), wanted.String())
}

// refuses says why claims of a class cannot grow, empty when they can. Of a class that is not known,
// the API server knows.
func (c *Class) refuses() string {
	switch {
	case c == nil:
		return ""
	case c.Name == "":
		return "it has no storage class, and volumes made by hand are resized by hand"
	case c.Missing:
		return "its storage class " + c.Name + " does not exist"
	case !c.Expandable:
		return "the storage class " + c.Name + " has no allowVolumeExpansion"
	}
	return ""
}

func (d *Decision) request(c Claim, wanted resource.Quantity, how string) {
	d.do(Step{Kind: Request, Claim: c.Name, Size: wanted, Reason: how + " from " + c.Requested.String() + " to " + wanted.String()})
}

// shrink is refused, unless the volume has never reached what was requested: then only a wish is taken back.
func (d *Decision) shrink(c Claim, wanted resource.Quantity) {
	if c.Capacity.Sign() > 0 && c.Capacity.Cmp(wanted) < 0 {
		d.request(c, wanted, "takes back a growth")
		d.find(Resizing, c.Name, "it has not grown to %s and is to have %s now", c.Requested.String(), wanted.String())
		return
	}
	d.find(ShrinkRefused, c.Name, "it keeps %s: volumes do not shrink. Ask for that size in spec.volume.size again, or clone the cluster to one with %s",
		c.Requested.String(), wanted.String())
}

// growing is about a request that the volume has yet to follow.
func (d *Decision) growing(c Claim, wanted resource.Quantity) {
	switch {
	case c.Growth == Infeasible:
		d.find(NotFeasible, c.Name, "the storage cannot give it %s: %s. Ask for less in spec.volume.size, but more than %s", wanted.String(), c.Message, c.Capacity.String())
	case c.Growth == FileSystemPending && c.Used:
		d.find(FileSystem, c.Name, "its disk has %s, the file system in the pod follows", wanted.String())
	case c.Growth == FileSystemPending: // it grows when a pod mounts it, which may be never
	default:
		d.find(Resizing, c.Name, "it grows from %s to %s", c.Capacity.String(), wanted.String())
	}
}
