package plot

import (
	"fmt"
	"os"
	"path/filepath"
)

// Folder is where figures are written, an existing one. "" is nowhere.
type Folder string

// Check says what is wrong with the folder.
func (f Folder) Check() error {
	if f == "" {
		return nil
	}
	info, err := os.Stat(string(f))
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%q is not a folder", string(f))
	}
	return nil
}

// Write writes a figure as name.svg.
func (f Folder) Write(name string, figure Figure) error {
	if f == "" {
		return nil
	}
	svg, err := figure.SVG()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(filepath.Join(string(f), name+".svg"), svg, 0o644) //nolint:gosec // everybody may see it
}
