import { afterEach, beforeAll, describe, expect, it, vi, type Mock } from 'vitest'
import { formatAmount, parseAmount, type Parsed } from '../src/money-input'
import * as locale from '../src/locale'

type Row = [text: string, cents: number]

const accepted: Record<string, Row[]> = {
  'en-GB': [
    ['1', 100],
    ['1,234.5', 123450],
    ['.99', 99],
    ['£ 12', 1200],
  ],
  'de-DE': [
    ['1.234,50', 123450],
    ['1234,5 €', 123450],
    ['-3', -300],
  ],
  'de-CH': [["1'000.05", 100005]],
}

describe.each(Object.entries(accepted))('parseAmount in %s', (tag, rows) => {
  beforeAll(() => {
    vi.spyOn(locale, 'current').mockReturnValue(tag)
  })

  it.each(rows)('reads %o as %i cents', (text, cents) => {
    const parsed = parseAmount(text)
    expect(parsed).toStrictEqual<Parsed>({ kind: 'amount', cents })
  })

  it('reads what it writes', () => {
    for (const cents of [0, 1, -1, 99, 100, 123_456_789]) {
      expect(parseAmount(formatAmount(cents))).toHaveProperty('cents', cents)
    }
  })
})

describe('what is no amount', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it('is empty while nothing is typed', () => {
    expect(parseAmount('  ').kind).toBe('empty')
  })

  it.each(['12a', '1,2,3', '--5', '1e3', '٣'])('refuses %o', (text) => {
    expect(parseAmount(text)).toMatchObject({ kind: 'error', reason: expect.stringContaining('number') })
  })

  it('refuses a third decimal instead of rounding it away', () => {
    const parsed = parseAmount('1.005')
    if (parsed.kind !== 'error') throw new Error(`got ${parsed.kind}`)
    expect(parsed.at).toBe(4)
  })

  it('warns once when the browser does not know the currency', () => {
    const warn: Mock = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    vi.stubGlobal('Intl', {
      ...Intl,
      NumberFormat: class {
        constructor() {
          throw new RangeError('unsupported')
        }
      },
    })
    formatAmount(5)
    formatAmount(6)
    expect(warn).toHaveBeenCalledOnce()
    vi.unstubAllGlobals()
  })
})
