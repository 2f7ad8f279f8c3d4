package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/typednats/typednats/cmd/typednats/internal/fleet"
	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
)

func newListCommand(t *tool) *cobra.Command {
	long := false
	cmd := &cobra.Command{
		Use:   "ls [service]",
		Short: "List services and their endpoints",
		Long: `List services and their endpoints: those of any NATS library, in one table.

With -l each line is one kind of instances of an endpoint: instances that announce another contract,
other content types or another queue group have a line of their own.`,
		Args:              takes(0, 1),
		ValidArgsFunction: t.completeService,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := t.askFor(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			switch {
			case t.global.json:
				return t.printJSON(listed(f))
			case len(f.Services) == 0:
				t.warnf("no service answers")
				return nil
			case long:
				return longTable(t.table(), f).Write(t.stdout)
			default:
				return shortTable(t.table(3), f).Write(t.stdout)
			}
		},
	}
	cmd.Flags().BoolVarP(&long, "long", "l", false, "say more: instances, content types, queue groups, descriptions")
	return cmd
}

// askFor connects, and asks one service, or everybody if service is empty. A service that is not there is an error.
func (t *tool) askFor(ctx context.Context, service string) (fleet.Fleet, error) {
	nc, err := t.connect(ctx)
	if err != nil {
		return fleet.Fleet{}, err
	}
	defer nc.Close()
	client := t.discover(nc, t.global.timeout)
	f, err := fleet.Ask(ctx, client, service)
	if err != nil {
		return fleet.Fleet{}, err
	}
	if service == "" || len(f.Services) > 0 {
		return f, nil
	}
	all, err := fleet.Ask(ctx, client, "")
	if err != nil {
		return fleet.Fleet{}, err
	}
	names := make([]string, len(all.Services))
	for i, s := range all.Services {
		names[i] = s.Name
	}
	if len(names) == 0 {
		return fleet.Fleet{}, fail(exitNobody, fmt.Errorf("no service %q answers, nor any other", service))
	}
	return fleet.Fleet{}, fail(exitNobody, fmt.Errorf("no service %q answers; there are: %s", service, strings.Join(names, ", ")))
}

func shortTable(table *terminal.Table, f fleet.Fleet) *terminal.Table {
	table.Add("SERVICE", "ENDPOINT", "SUBJECT", "INSTANCES", "VERSION", "CONTRACT")
	for _, s := range f.Services {
		endpoints := f.Of(s.Name)
		for _, e := range endpoints {
			var versions, digests []string
			for _, o := range e.Offers {
				versions = append(versions, o.Versions...)
				digests = append(digests, cmp.Or(o.Digest, "none"))
			}
			table.Add(s.Name, e.Name, e.Subject, strconv.Itoa(e.Instances()), joined(versions), joined(digests))
		}
		if len(endpoints) == 0 {
			table.Add(s.Name, "-", "-", strconv.Itoa(len(s.Instances)), s.Instances[0].Version, "-")
		}
	}
	return table
}

func longTable(table *terminal.Table, f fleet.Fleet) *terminal.Table {
	table.Add("SERVICE", "ENDPOINT", "SUBJECT", "VERSION", "CONTRACT", "ACCEPTS", "QUEUE", "INSTANCES", "DESCRIPTION")
	for _, s := range f.Services {
		description := s.Instances[len(s.Instances)-1].Description
		for _, e := range f.Of(s.Name) {
			for _, o := range e.Offers {
				table.Add(s.Name, e.Name, e.Subject, joined(o.Versions), cmp.Or(o.Digest, "none"), strings.Join(o.Accepts, ","),
					cmp.Or(o.QueueGroup, "-"), strings.Join(o.Instances, ","), description)
			}
		}
		if len(f.Of(s.Name)) == 0 {
			table.Add(s.Name, "-", "-", s.Instances[0].Version, "-", "-", "-", s.Instances[0].ID, description)
		}
	}
	return table
}

// joined returns what differs, with commas in between.
func joined(list []string) string {
	list = slices.Sorted(slices.Values(list))
	return strings.Join(slices.Compact(list), ",")
}

type listedService struct {
	Name      string           `json:"name"`
	Instances []listedInstance `json:"instances"`
	Endpoints []listedEndpoint `json:"endpoints"`
}

type listedInstance struct {
	ID          string            `json:"id"`
	Version     string            `json:"version"`
	Description string            `json:"description"`
	Metadata    map[string]string `json:"metadata"`
}

type listedEndpoint struct {
	Name    string        `json:"name"`
	Subject string        `json:"subject"`
	Offers  []listedOffer `json:"offers"`
}

type listedOffer struct {
	Contract   string            `json:"contract,omitempty"`
	Accepts    []string          `json:"accepts"`
	QueueGroup string            `json:"queue_group"`
	Versions   []string          `json:"versions"`
	Instances  []string          `json:"instances"`
	Metadata   map[string]string `json:"metadata,omitempty"`
}

// listed is what `ls --json` prints.
func listed(f fleet.Fleet) map[string]any {
	services := make([]listedService, 0, len(f.Services))
	for _, s := range f.Services {
		out := listedService{Name: s.Name, Instances: []listedInstance{}, Endpoints: []listedEndpoint{}}
		for _, i := range s.Instances {
			out.Instances = append(out.Instances, listedInstance{i.ID, i.Version, i.Description, i.Metadata})
		}
		for _, e := range f.Of(s.Name) {
			out.Endpoints = append(out.Endpoints, listEndpoint(e))
		}
		services = append(services, out)
	}
	return map[string]any{"services": services}
}

func listEndpoint(e fleet.Endpoint) listedEndpoint {
	out := listedEndpoint{Name: e.Name, Subject: e.Subject, Offers: []listedOffer{}}
	for _, o := range e.Offers {
		out.Offers = append(out.Offers, listedOffer{o.Digest, o.Accepts, o.QueueGroup, o.Versions, o.Instances, o.Metadata})
	}
	return out
}
