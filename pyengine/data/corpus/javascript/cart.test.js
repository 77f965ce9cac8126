import { jest } from '@jest/globals'
import { createCart } from '../src/cart.js'
import { RATES } from '../src/vat.js'

const book = { sku: 'B-100', title: 'Knots and splices', price: 1990, vat: 'reduced' }
const rope = { sku: 'R-007', title: 'Rope, 10 m', price: 3450, vat: 'standard' }

describe('an empty cart', () => {
  it('costs nothing, shipping included', () => {
    expect(createCart().total()).toEqual({ net: 0, vat: 0, shipping: 0, gross: 0 })
  })

  it('cannot be ordered', async () => {
    const gateway = { charge: jest.fn() }
    await expect(createCart({ gateway }).order()).rejects.toThrow(/empty/)
    expect(gateway.charge).not.toHaveBeenCalled()
  })
})

describe('lines', () => {
  let cart

  beforeEach(() => {
    cart = createCart()
    cart.add(book)
    cart.add(rope, 2)
  })

  it('adds up the same article', () => {
    cart.add(book, 3)
    expect(cart.lines).toHaveLength(2)
    expect(cart.lines[0]).toMatchObject({ sku: 'B-100', quantity: 4 })
  })

  it.each([0, -1, 1.5, NaN, '2'])('refuses a quantity of %p', (quantity) => {
    expect(() => cart.add(book, quantity)).toThrow(RangeError)
    expect(cart.lines[0].quantity).toBe(1)
  })

  it('drops a line whose quantity becomes zero', () => {
    cart.setQuantity('R-007', 0)
    expect(cart.lines.map((l) => l.sku)).toEqual(['B-100'])
  })

  it('taxes every line at its own rate', () => {
    const expected = Math.round(1990 * RATES.reduced) + Math.round(2 * 3450 * RATES.standard)
    expect(cart.total().vat).toBe(expected)
  })

  it('survives a reload', () => {
    const again = createCart({ saved: JSON.parse(JSON.stringify(cart)) })
    expect(again.total()).toEqual(cart.total())
    expect(again).toMatchSnapshot()
  })
})

describe('shipping', () => {
  it.each`
    quantity | shipping
    ${1}     | ${490}
    ${2}     | ${490}
    ${3}     | ${0}
  `('costs $shipping for $quantity ropes', ({ quantity, shipping }) => {
    const cart = createCart({ freeShippingFrom: 10_000 })
    cart.add(rope, quantity)
    expect(cart.total().shipping).toBe(shipping)
  })
})

test('a payment that takes too long is given up', async () => {
  jest.useFakeTimers()
  const cart = createCart({ gateway: { charge: () => new Promise(() => {}) }, timeout: 30_000 })
  cart.add(book)
  const result = expect(cart.order()).rejects.toMatchObject({ code: 'TIMEOUT' })
  await jest.advanceTimersByTimeAsync(30_001)
  await result
  jest.useRealTimers()
})
