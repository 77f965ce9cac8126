const express = require('express')
const createError = require('http-errors')
const { body, param, validationResult } = require('express-validator')
const db = require('../db')
const requireLogin = require('../middleware/require-login')

const router = express.Router()

// express 4 does not wait for promises
const wrap = (handler) => (req, res, next) => handler(req, res, next).catch(next)

function checked (req, res, next) {
  const errors = validationResult(req)
  if (errors.isEmpty()) return next()
  res.status(422).json({ errors: errors.array({ onlyFirstError: true }) })
}

router.param('poll', async (req, res, next, id) => {
  try {
    req.poll = await db('polls').where({ id }).first()
    next(req.poll ? null : createError(404, 'no such poll'))
  } catch (err) {
    next(err)
  }
})

router.get('/', wrap(async (req, res) => {
  const since = req.query.since ? new Date(req.query.since) : null
  const polls = await db('polls')
    .select('id', 'question', 'closes_at')
    .modify((q) => { if (since) q.where('created_at', '>', since) })
    .orderBy('created_at', 'desc')
    .limit(50)
  res.set('Cache-Control', 'private, max-age=30')
  res.json(polls)
}))

router.get('/:poll', wrap(async (req, res) => {
  const votes = await db('votes').where({ poll_id: req.poll.id }).groupBy('choice')
    .select('choice').count('* as n')
  const tally = Object.fromEntries(votes.map((row) => [row.choice, Number(row.n)]))
  res.json({ ...req.poll, tally })
}))

router.post('/',
  requireLogin,
  body('question').isString().trim().isLength({ min: 5, max: 200 }),
  body('choices').isArray({ min: 2, max: 8 }),
  body('choices.*').isString().trim().notEmpty(),
  checked,
  wrap(async (req, res) => {
    const { question, choices } = req.body
    const [id] = await db('polls').insert({
      question,
      choices: JSON.stringify(choices),
      owner_id: req.user.id
    }).returning('id')
    res.status(201).location(`${req.baseUrl}/${id}`).end()
  })
)

router.put('/:poll/vote',
  requireLogin,
  param('poll').isInt().toInt(),
  body('choice').isInt({ min: 0 }).toInt(),
  checked,
  wrap(async (req, res) => {
    if (req.poll.closes_at && req.poll.closes_at < new Date()) {
      throw createError(409, 'the poll is closed')
    }
    // one vote per person; voting again changes it
    await db('votes')
      .insert({ poll_id: req.poll.id, user_id: req.user.id, choice: req.body.choice })
      .onConflict(['poll_id', 'user_id'])
      .merge()
    res.sendStatus(204)
  })
)

module.exports = router
