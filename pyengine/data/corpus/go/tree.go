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

// Delete removes a key, and says whether it was there.
func (m *Map[K, V]) Delete(key K) bool {
	link := m.find(key)
	gone := *link
	if gone == nil {
		return false
	}
	m.size--
	switch {
	case gone.left == nil:
		*link = gone.right
	case gone.right == nil:
		*link = gone.left
	default:
		// The smallest node on the right takes the place.
		smallest := &gone.right
		for (*smallest).left != nil {
			smallest = &(*smallest).left
		}
		heir := *smallest
		*smallest = heir.right
		heir.left, heir.right = gone.left, gone.right
		*link = heir
	}
	return true
}

// All calls yield for every pair in order of the keys, until it returns false.
func (m *Map[K, V]) All(yield func(K, V) bool) {
	var path []*node[K, V]
	for n := m.root; n != nil || len(path) > 0; {
		for ; n != nil; n = n.left {
			path = append(path, n)
		}
		n = path[len(path)-1]
		path = path[:len(path)-1]
		if !yield(n.key, n.value) {
			return
		}
		n = n.right
	}
}

func (m *Map[K, V]) Len() int { return m.size }
