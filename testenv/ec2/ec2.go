// Package ec2 is a local stand-in for the part of EC2's HTTP API that is about EBS volumes, for tests in which the AWS
// SDK really sends requests. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/
package ec2

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// Volume is an EBS volume. State is that of its newest modification, empty when there was none.
type Volume struct {
	ID               string
	SizeGiB          int
	IOPS, Throughput int
	Type, State      string
}

// Server holds volumes. A modification changes a volume at once and leaves it in state modifying, until Settle.
type Server struct {
	mu      sync.Mutex
	volumes map[string]Volume
	calls   []string
	refuse  string
}

// Start serves volumes, and points the AWS SDK of this process at them.
func Start(t testing.TB, volumes ...Volume) *Server {
	s := &Server{volumes: map[string]Volume{}}
	for _, v := range volumes {
		s.volumes[v.ID] = v
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_EC2": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	return s
}

// Volume returns a volume as it is now.
func (s *Server) Volume(id string) Volume {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.volumes[id]
}

// Settle ends the modification of a volume in a state.
func (s *Server) Settle(id, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.volumes[id]
	v.State = state
	s.volumes[id] = v
}

// Refuse answers modifications with an error of EC2's; an empty code does them again.
func (s *Server) Refuse(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = code
}

// Calls are the names of all actions that were asked for.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

type volumeXML struct {
	ID         string `xml:"volumeId"`
	Size       int    `xml:"size"`
	IOPS       int    `xml:"iops,omitempty"`
	Throughput int    `xml:"throughput,omitempty"`
	Type       string `xml:"volumeType"`
}

type modificationXML struct {
	ID    string `xml:"volumeId"`
	State string `xml:"modificationState"`
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(answer http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := r.ParseForm(); err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	s.calls = append(s.calls, r.Form.Get("Action"))
	switch r.Form.Get("Action") {
	case "DescribeVolumes":
		var found []volumeXML
		for _, v := range s.filtered(r.Form) {
			found = append(found, volumeXML{v.ID, v.SizeGiB, v.IOPS, v.Throughput, v.Type})
		}
		write(answer, struct {
			XMLName xml.Name    `xml:"DescribeVolumesResponse"`
			Set     []volumeXML `xml:"volumeSet>item"`
		}{Set: found})
	case "DescribeVolumesModifications":
		var found []modificationXML
		for _, v := range s.filtered(r.Form) {
			if v.State != "" {
				found = append(found, modificationXML{v.ID, v.State})
			}
		}
		write(answer, struct {
			XMLName xml.Name          `xml:"DescribeVolumesModificationsResponse"`
			Set     []modificationXML `xml:"volumeModificationSet>item"`
		}{Set: found})
	case "ModifyVolume":
		s.modify(answer, r.Form)
	default:
		fail(answer, "InvalidAction", "the stand-in does not know "+r.Form.Get("Action"))
	}
}

// filtered are the volumes that the filter volume-id names.
func (s *Server) filtered(form url.Values) []Volume {
	var found []Volume
	for i := 1; form.Get(fmt.Sprintf("Filter.1.Value.%d", i)) != ""; i++ {
		if v, ok := s.volumes[form.Get(fmt.Sprintf("Filter.1.Value.%d", i))]; ok && form.Get("Filter.1.Name") == "volume-id" {
			found = append(found, v)
		}
	}
	return found
}

func (s *Server) modify(answer http.ResponseWriter, form url.Values) {
	v, known := s.volumes[form.Get("VolumeId")]
	switch {
	case !known:
		fail(answer, "InvalidVolume.NotFound", "The volume '"+form.Get("VolumeId")+"' does not exist.")
		return
	case s.refuse != "":
		fail(answer, s.refuse, "refused by the test")
		return
	case v.State == "modifying" || v.State == "optimizing":
		fail(answer, "IncorrectModificationState", "Volume "+v.ID+" is already being modified.")
		return
	}
	for field, value := range map[string]*int{"Size": &v.SizeGiB, "Iops": &v.IOPS, "Throughput": &v.Throughput} {
		if n, err := strconv.Atoi(form.Get(field)); err == nil {
			*value = n
		}
	}
	if kind := form.Get("VolumeType"); kind != "" {
		v.Type = kind
	}
	v.State = "modifying"
	s.volumes[v.ID] = v
	write(answer, struct {
		XMLName xml.Name        `xml:"ModifyVolumeResponse"`
		Done    modificationXML `xml:"volumeModification"`
	}{Done: modificationXML{v.ID, v.State}})
}

func write(answer http.ResponseWriter, body any) {
	answer.Header().Set("Content-Type", "text/xml")
	_ = xml.NewEncoder(answer).Encode(body) // the client has gone
}

func fail(answer http.ResponseWriter, code, message string) {
	answer.Header().Set("Content-Type", "text/xml")
	answer.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprintf(answer, "<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>test</RequestID></Response>", code, message)
}
