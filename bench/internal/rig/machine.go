package rig

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Machine is where and with what something was measured.
type Machine struct {
	CPU        string    `json:"cpu"`
	Processors int       `json:"processors"`
	Kernel     string    `json:"kernel"`
	Go         string    `json:"go"` // with the experiments that the program was built with
	NATSServer string    `json:"nats_server"`
	NATSGo     string    `json:"nats_go"`
	Date       time.Time `json:"date"`
}

// DescribeMachine describes this machine and this program.
func DescribeMachine() (Machine, error) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return Machine{}, fmt.Errorf("processor: %w", err)
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return Machine{}, fmt.Errorf("kernel: %w", err)
	}
	return Machine{
		CPU:        modelName(info),
		Processors: runtime.NumCPU(),
		Kernel:     runtime.GOOS + " " + strings.TrimSpace(string(kernel)),
		Go:         runtime.Version() + " " + runtime.GOARCH,
		NATSServer: server.VERSION,
		NATSGo:     nats.Version,
		Date:       time.Now(),
	}, nil
}

// Markdown is one line.
func (m Machine) Markdown() string {
	return fmt.Sprintf("%s, %d processors, %s, %s, nats-server %s, nats.go %s, %s.\n",
		m.CPU, m.Processors, m.Kernel, m.Go, m.NATSServer, m.NATSGo, m.Date.Format("2 January 2006"))
}

// modelName is the processor's name in /proc/cpuinfo, or its architecture where that does not say.
func modelName(cpuinfo []byte) string {
	for lines := bufio.NewScanner(bytes.NewReader(cpuinfo)); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
