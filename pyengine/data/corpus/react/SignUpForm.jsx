import React, { useCallback, useState } from 'react'
import { Link, useNavigate } from 'react-router-dom'
import { api } from '../api'

const required = (message) => (value) => (value ? null : message)
const minLength = (n) => (value) => (value.length >= n ? null : `At least ${n} characters, please`)
const matches = (pattern, message) => (value) => (pattern.test(value) ? null : message)

const rules = {
  email: [required('We need your address'), matches(/^\S+@\S+\.\S+$/, 'This is no e-mail address')],
  password: [required('Choose a password'), minLength(10)],
  again: [(value, all) => (value === all.password ? null : 'The passwords differ')],
  club: [],
  terms: [required('Please read and accept the rules')],
}

function useForm (initial, rules, submit) {
  const [values, setValues] = useState(initial)
  const [touched, setTouched] = useState({})
  const [status, setStatus] = useState('idle')
  const [serverErrors, setServerErrors] = useState({})

  const errors = {}
  for (const [name, checks] of Object.entries(rules)) {
    for (const check of checks) {
      const message = check(values[name], values)
      if (message) {
        errors[name] = message
        break
      }
    }
    errors[name] = errors[name] || serverErrors[name]
  }

  const field = useCallback((name) => ({
    name,
    id: 'field-' + name,
    value: typeof values[name] === 'boolean' ? undefined : values[name],
    checked: typeof values[name] === 'boolean' ? values[name] : undefined,
    onChange: ({ target }) => {
      setValues((v) => ({ ...v, [name]: target.type === 'checkbox' ? target.checked : target.value }))
      setServerErrors(({ [name]: _, ...rest }) => rest)
    },
    onBlur: () => setTouched((t) => ({ ...t, [name]: true })),
  }), [values])

  const onSubmit = async (event) => {
    event.preventDefault()
    setTouched(Object.fromEntries(Object.keys(rules).map((name) => [name, true])))
    if (Object.values(errors).some(Boolean)) return
    setStatus('sending')
    try {
      await submit(values)
      setStatus('done')
    } catch (err) {
      setStatus('idle')
      if (err.status !== 422) throw err
      setServerErrors(err.body.errors)
    }
  }

  const errorOf = (name) => (touched[name] ? errors[name] : null)
  return { field, errorOf, onSubmit, sending: status === 'sending' }
}

function Field ({ label, error, children }) {
  return (
    <div className={error ? 'field field--wrong' : 'field'}>
      <label htmlFor={children.props.id}>{label}</label>
      {React.cloneElement(children, { 'aria-invalid': Boolean(error) })}
      {error && <small role="alert">{error}</small>}
    </div>
  )
}

export default function SignUpForm () {
  const navigate = useNavigate()
  const { field, errorOf, onSubmit, sending } = useForm(
    { email: '', password: '', again: '', club: 'none', terms: false },
    rules,
    async ({ again, ...account }) => {
      await api.post('/accounts', account)
      navigate('/welcome', { replace: true })
    }
  )

  return (
    <form onSubmit={onSubmit} noValidate>
      <h1>Join the league</h1>
      <Field label="E-mail" error={errorOf('email')}><input type="email" autoComplete="email" {...field('email')} /></Field>
      <Field label="Password" error={errorOf('password')}><input type="password" {...field('password')} /></Field>
      <Field label="Once more" error={errorOf('again')}><input type="password" {...field('again')} /></Field>
      <Field label="Your club" error={errorOf('club')}>
        <select {...field('club')}>
          <option value="none">None yet</option>
          <option value="north">North side</option>
          <option value="river">River rats</option>
        </select>
      </Field>
      <Field label={<>I accept the <Link to="/rules">rules</Link></>} error={errorOf('terms')}>
        <input type="checkbox" {...field('terms')} />
      </Field>
      <button disabled={sending}>{sending ? 'One moment…' : 'Join'}</button>
    </form>
  )
}
