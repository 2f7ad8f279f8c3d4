package server

import (
	"errors"
	"fmt"
	"sync"

	"github.com/typednats/typednats/examples/inventory/stock"
)

// ErrCorrupt is returned when a record makes no sense. The contract does not declare it: it is nobody's business but
// the service's.
var ErrCorrupt = errors.New("corrupt record")

// Item is a record of the store.
type Item struct {
	SKU, Site           string
	Available, Reserved int
}

// Store stands in for the database that the instances of a service share. It is safe for concurrent use.
type Store struct {
	mu    sync.Mutex
	items map[string]Item
}

// NewStore returns a store that holds items.
func NewStore(items ...Item) *Store {
	s := &Store{items: make(map[string]Item, len(items))}
	for _, item := range items {
		s.items[item.SKU] = item
	}
	return s
}

// Item returns the record of an item.
func (s *Store) Item(sku string) (Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.itemLocked(sku)
}

// Reserve takes pieces of an item and returns its new record.
func (s *Store) Reserve(sku string, quantity int) (Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	item, err := s.itemLocked(sku)
	if err != nil {
		return Item{}, err
	}
	if quantity > item.Available {
		return Item{}, stock.OutOfStock{SKU: sku, Asked: quantity, Available: item.Available}
	}
	item.Available -= quantity
	item.Reserved += quantity
	s.items[sku] = item
	return item, nil
}

// ItemsAt returns the records of a warehouse.
func (s *Store) ItemsAt(site string) []Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	var items []Item
	for _, item := range s.items {
		if item.Site == site {
			items = append(items, item)
		}
	}
	return items
}

func (s *Store) itemLocked(sku string) (Item, error) {
	item, ok := s.items[sku]
	if !ok {
		return Item{}, stock.NotFound{What: "item", ID: sku}
	}
	if item.Available < 0 {
		return Item{}, fmt.Errorf("%w: %q has %d pieces", ErrCorrupt, sku, item.Available)
	}
	return item, nil
}
