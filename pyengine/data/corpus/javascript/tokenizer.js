// Splits an arithmetic expression and computes its value.
var SYMBOLS = /\s*(?:(\d+(?:\.\d+)?)|(.))/g;

function tokenize(source) {
  var tokens = [];
  source.replace(SYMBOLS, function (match, number, symbol) {
    if (number !== undefined) {
      tokens.push({ type: 'number', value: parseFloat(number) });
    } else if ('+-*/()'.indexOf(symbol) >= 0) {
      tokens.push({ type: symbol });
    } else {
      throw new SyntaxError('unexpected ' + JSON.stringify(symbol));
    }
    return match;
  });
  return tokens;
}

function evaluate(source) {
  const tokens = tokenize(source);
  let position = 0;

  const peek = () => tokens[position]?.type;
  const next = () => tokens[position++];

  function primary() {
    const token = next();
    switch (token && token.type) {
      case 'number':
        return token.value;
      case '-':
        return -primary();
      case '(': {
        const value = sum();
        if (next()?.type !== ')') throw new SyntaxError('missing )');
        return value;
      }
      default:
        throw new SyntaxError('expected a number');
    }
  }

  function product() {
    let value = primary();
    while (peek() === '*' || peek() === '/') {
      value = next().type === '*' ? value * primary() : value / primary();
    }
    return value;
  }

  function sum() {
    let value = product();
    while (peek() === '+' || peek() === '-') {
      value = next().type === '+' ? value + product() : value - product();
    }
    return value;
  }

  const result = sum();
  if (position < tokens.length) throw new SyntaxError('unexpected end');
  return result;
}

// A few checks; run the file with node to see them.
console.assert(evaluate('2 * (3 + 4) - 6 / 3') === 12);
console.assert(evaluate('-(1.5 + 2) * 4') === -14);
console.assert(evaluate('((7))') === 7);
for (const wrong of ['', '1 +', '(1', '1 2', '3 $ 4', ')']) {
  try {
    evaluate(wrong);
    console.assert(false, 'accepted ' + JSON.stringify(wrong));
  } catch (error) {
    console.assert(error instanceof SyntaxError);
  }
}
