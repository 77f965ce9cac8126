import { useEffect, useMemo, useReducer, useRef, useState } from 'react';

function reducer(todos, action) {
  switch (action.type) {
    case 'add':
      return [...todos, { id: action.id, text: action.text, done: false }];
    case 'toggle':
      return todos.map((todo) => (todo.id === action.id ? { ...todo, done: !todo.done } : todo));
    case 'remove':
      return todos.filter((todo) => todo.id !== action.id);
    default:
      throw new Error(`unknown action ${action.type}`);
  }
}

function TodoItem({ todo, onToggle, onRemove }) {
  return (
    <li className={todo.done ? 'todo done' : 'todo'}>
      <label>
        <input type="checkbox" checked={todo.done} onChange={() => onToggle(todo.id)} />
        <span>{todo.text}</span>
      </label>
      <button type="button" aria-label="Remove" onClick={() => onRemove(todo.id)}>
        ×
      </button>
    </li>
  );
}

export default function TodoList({ initial = [], storageKey = 'todos' }) {
  const [todos, dispatch] = useReducer(reducer, initial);
  const [text, setText] = useState('');
  const nextId = useRef(initial.length);

  useEffect(() => {
    localStorage.setItem(storageKey, JSON.stringify(todos));
  }, [storageKey, todos]);

  const open = useMemo(() => todos.filter((todo) => !todo.done).length, [todos]);

  function handleSubmit(event) {
    event.preventDefault();
    if (!text.trim()) return;
    dispatch({ type: 'add', id: nextId.current++, text: text.trim() });
    setText('');
  }

  return (
    <section>
      <h2>{open === 0 ? 'All done' : `${open} to do`}</h2>
      <form onSubmit={handleSubmit}>
        <input value={text} onChange={(e) => setText(e.target.value)} placeholder="What next?" />
      </form>
      <ul>
        {todos.map((todo) => (
          <TodoItem
            key={todo.id}
            todo={todo}
            onToggle={(id) => dispatch({ type: 'toggle', id })}
            onRemove={(id) => dispatch({ type: 'remove', id })}
          />
        ))}
      </ul>
      {todos.length > 0 && <footer>{todos.length} in total</footer>}
    </section>
  );
}
