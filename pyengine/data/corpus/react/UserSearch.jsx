import React, { Suspense, lazy, memo, useDeferredValue, useId, useState } from 'react';
import PropTypes from 'prop-types';

const UserDetails = lazy(() => import('./UserDetails'));

const Row = memo(function Row({ user, selected, onSelect }) {
  return (
    <tr className={selected ? 'selected' : undefined} onClick={() => onSelect(user)}>
      <td>{user.name}</td>
      <td>
        <a href={`mailto:${user.email}`}>{user.email}</a>
      </td>
    </tr>
  );
});

export class ErrorBoundary extends React.Component {
  state = { error: null };

  static getDerivedStateFromError(error) {
    return { error };
  }

  render() {
    const { error } = this.state;
    return error ? <p role="alert">Something went wrong: {error.message}</p> : this.props.children;
  }
}

export function UserSearch({ users }) {
  const id = useId();
  const [query, setQuery] = useState('');
  const [chosen, setChosen] = useState(null);
  const deferred = useDeferredValue(query.toLowerCase());
  const found = users.filter((user) => user.name.toLowerCase().includes(deferred));

  return (
    <>
      <label htmlFor={id}>Search</label>
      <input id={id} type="search" value={query} onChange={(e) => setQuery(e.target.value)} />
      <table>
        <tbody>
          {found.map((user) => (
            <Row key={user.id} user={user} selected={user === chosen} onSelect={setChosen} />
          ))}
        </tbody>
      </table>
      <ErrorBoundary>
        <Suspense fallback={<p>Loading…</p>}>{chosen && <UserDetails user={chosen} />}</Suspense>
      </ErrorBoundary>
    </>
  );
}

UserSearch.propTypes = { users: PropTypes.arrayOf(PropTypes.object).isRequired };
