package tree

import "cmp"

type node[K cmp.Ordered, V any] struct {
	key         K
	value       V
	left, right *node[K, V]
}

// Map is an ordered map on an unbalanced binary tree.
type Map[K cmp.Ordered, V any] struct {
	root *node[K, V]
	size int
}

func (m *Map[K, V]) find(key K) **node[K, V] {
	link := &m.root
	for *link != nil {
		switch c := cmp.Compare(key, (*link).key); {
		case c < 0:
			link = &(*link).left
		case c > 0:
			link = &(*link).right
		default:
			return link
		}
	}
	return link
}

func (m *Map[K, V]) Set(key K, value V) {
	link := m.find(key)
	if *link == nil {
		*link = &node[K, V]{key: key}
		m.size++
	}
	(*link).value = value
}

func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	if n := *m.find(key); n != nil {
		return n.value, true
	}
	return value, false
}

func (m *Map[K, V]) Len() int { return m.size }
