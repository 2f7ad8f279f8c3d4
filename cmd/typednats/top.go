package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/typednats/typednats/cmd/typednats/internal/rates"
	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
	"github.com/typednats/typednats/discovery"
)

// topFlags are those of `typednats top`.
type topFlags struct {
	interval time.Duration
	count    int
	sort     string
}

func newTopCommand(t *tool) *cobra.Command {
	var flags topFlags
	cmd := &cobra.Command{
		Use:   "top [service]",
		Short: "Show what the services do, as it happens",
		Long: `Show what the services do, as it happens: instances, requests and errors a second, and how long
handlers took on average, for services of any NATS library. Errors include those that an endpoint declares.

On a terminal the table is drawn anew after each interval, until q or Ctrl-C is pressed. The keys n, r,
e and l sort by name, requests, errors and latency; the arrows scroll. Elsewhere one table is printed,
after one interval, or as many as --count says.`,
		Args:              takes(0, 1),
		ValidArgsFunction: t.completeService,
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.interval < 100*time.Millisecond {
				return fail(exitUsage, fmt.Errorf("--interval must be 100ms at least, not %v", flags.interval))
			}
			order := rates.Order(flags.sort)
			if !slices.Contains([]rates.Order{rates.Name, rates.Requests, rates.Errors, rates.Latency}, order) {
				return fail(exitUsage, fmt.Errorf("--sort is name, requests, errors or latency, not %q", flags.sort))
			}
			nc, err := t.connect(cmd.Context(), nats.MaxReconnects(-1))
			if err != nil {
				return err
			}
			defer nc.Close()
			w := &watch{
				client: t.discover(nc, t.global.timeout), service: strings.Join(args, ""), interval: flags.interval, order: order,
				server: redacted(nc.ConnectedUrl()),
			}
			if t.canDraw() && !t.global.json {
				return t.showTop(cmd.Context(), w, flags.count)
			}
			return t.printTop(cmd.Context(), w, max(flags.count, 1))
		},
	}
	cmd.Flags().DurationVar(&flags.interval, "interval", 2*time.Second, "how long to look before the next table")
	cmd.Flags().IntVar(&flags.count, "count", 0, "how many tables; 0 is one, or no end on a terminal")
	cmd.Flags().StringVar(&flags.sort, "sort", string(rates.Name), "name, requests, errors or latency")
	return cmd
}

// watch asks the services again and again.
type watch struct {
	client   *discovery.Client
	service  string
	interval time.Duration
	order    rates.Order
	server   string

	tracker rates.Tracker
	asked   time.Time // when the last question was sent
}

// view is what one question has brought.
type view struct {
	at        time.Time
	rows      []rates.Row
	instances int
	err       error // why there may be more
}

// next waits until it is time for the next question, and asks it.
func (w *watch) next(ctx context.Context) view {
	if !w.asked.IsZero() {
		timer := time.NewTimer(time.Until(w.asked.Add(w.interval)))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return view{err: ctx.Err()}
		}
	}
	w.asked = time.Now()
	var samples []rates.Sample
	for stats, err := range w.client.StatsSeq(ctx, w.service) {
		if err != nil {
			return view{at: time.Now(), err: err}
		}
		samples = append(samples, rates.Sample{At: time.Now(), Stats: stats})
	}
	return view{at: time.Now(), rows: w.tracker.Update(samples), instances: len(samples)}
}

// topTable lays out the rows.
func (t *tool) topTable(rows []rates.Row) *terminal.Table {
	table := t.table(3, 4, 5, 6, 7, 8)
	table.Add("SERVICE", "ENDPOINT", "SUBJECT", "INSTANCES", "REQUESTS/S", "ERRORS/S", "LATENCY", "REQUESTS", "ERRORS", "LAST ERROR")
	for _, r := range rows {
		latency := "-"
		if r.Latency > 0 {
			latency = shortDuration(r.Latency)
		}
		table.Add(r.Service, r.Endpoint, r.Subject, strconv.Itoa(r.Instances), strconv.FormatFloat(r.Requests, 'f', 1, 64),
			strconv.FormatFloat(r.Errors, 'f', 1, 64), latency, strconv.Itoa(r.Total), strconv.Itoa(r.Failed), r.LastError)
	}
	if head := table.Style; head != nil {
		table.Style = func(row, column int, cell string) string {
			if row > 0 && column == 5 && rows[row-1].Errors > 0 {
				return terminal.Red + cell + terminal.Plain
			}
			return head(row, column, cell)
		}
	}
	return table
}

// shortDuration returns a time with three digits.
func shortDuration(d time.Duration) string {
	unit := time.Nanosecond
	for unit < time.Minute && d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit).String()
}

// printTop prints tables to who is no terminal. The first question only says where the counters stand.
func (t *tool) printTop(ctx context.Context, w *watch, count int) error {
	switch v := w.next(ctx); {
	case v.err != nil:
		return v.err
	case v.instances == 0 && w.service != "":
		return fail(exitNobody, fmt.Errorf("no service %q answers: list what there is with 'typednats ls'", w.service))
	}
	for i := range count {
		v := w.next(ctx)
		if errors.Is(v.err, context.Canceled) {
			return nil // the user has enough
		}
		if v.err != nil {
			return v.err
		}
		rates.By(w.order)(v.rows)
		if t.global.json {
			if err := t.printJSON(map[string]any{"time": v.at.UTC().Format(time.RFC3339), "instances": v.instances, "endpoints": v.rows}); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			t.printf("\n")
		}
		if err := t.topTable(v.rows).Write(t.stdout); err != nil {
			return err
		}
	}
	return nil
}
