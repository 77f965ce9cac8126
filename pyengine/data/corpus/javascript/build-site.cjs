'use strict'

// Builds the documentation: every step runs once, after the steps that it needs.
//   node build-site.cjs            everything that is out of date
//   node build-site.cjs pages -f   the pages and what they need, from scratch

const fs = require('fs')
const path = require('path')
const { promisify } = require('util')
const exec = promisify(require('child_process').execFile)

const OUT = path.join(__dirname, 'public')
const force = process.argv.includes('-f')

const steps = {
  clean: {
    run: () => force && fs.rmSync(OUT, { recursive: true, force: true })
  },
  styles: {
    needs: ['clean'],
    inputs: ['assets/*.less'],
    output: 'site.css',
    run: (files, target) => exec('lessc', ['--source-map', files[0], target])
  },
  images: {
    needs: ['clean'],
    inputs: ['assets/*.png'],
    output: 'img/.stamp',
    async run (files, target) {
      await Promise.all(files.map(f => exec('optipng', ['-quiet', '-dir', path.dirname(target), f])))
      fs.writeFileSync(target, '')
    }
  },
  pages: {
    needs: ['styles', 'images'],
    inputs: ['pages/*.md', 'layout.html'],
    output: 'index.html',
    run: (files, target) => exec('pandoc', ['--template', files.pop(), '-o', target, ...files])
  }
}

const glob = pattern => {
  const folder = path.join(__dirname, path.dirname(pattern))
  const [before, after] = path.basename(pattern).split('*')
  return fs.readdirSync(folder)
    .filter(name => after === undefined ? name === before : name.startsWith(before) && name.endsWith(after))
    .sort()
    .map(name => path.join(folder, name))
}

const modified = file => fs.existsSync(file) ? fs.statSync(file).mtimeMs : -Infinity

// depth first; `grey` are those on the way down, so meeting one again is a cycle
function order (names, done = new Set(), grey = []) {
  for (const name of names) {
    if (done.has(name)) continue
    if (grey.includes(name)) throw new Error('cycle: ' + [...grey, name].join(' > '))
    if (!(name in steps)) throw new Error(`unknown step ${name}`)
    order(steps[name].needs || [], done, [...grey, name])
    done.add(name)
  }
  return done
}

async function main () {
  const wanted = process.argv.slice(2).filter(a => !a.startsWith('-'))
  for (const name of order(wanted.length ? wanted : Object.keys(steps))) {
    const { inputs = [], output, run } = steps[name]
    const files = inputs.flatMap(glob)
    const target = output && path.join(OUT, output)
    if (target && !force && files.every(f => modified(f) < modified(target))) {
      console.log(`${name}: up to date`)
      continue
    }
    if (target) fs.mkdirSync(path.dirname(target), { recursive: true })
    console.time(name)
    await run(files, target)
    console.timeEnd(name)
  }
}

main().catch(err => {
  console.error(err.stderr || err.message)
  process.exitCode = 1
})
