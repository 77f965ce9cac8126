/*
 * Breakout for the canvas. Move the paddle with the mouse or the arrow keys.
 * Works without any library, and down to IE 9.
 */
(function (window, document, undefined) {
    'use strict';

    var ROWS = 5, COLS = 9, GAP = 4, BRICK_H = 16, RADIUS = 6;
    var COLOURS = ['#c0392b', '#d35400', '#f1c40f', '#27ae60', '#2980b9'];

    var canvas = document.getElementById('game');
    var ctx = canvas.getContext('2d');
    var width = canvas.width, height = canvas.height;
    var brickW = (width - GAP * (COLS + 1)) / COLS;
    var keys = {};
    var state;

    function reset() {
        state = {
            lives: 3,
            score: 0,
            paddle: { x: width / 2, w: 80, y: height - 24 },
            ball: null,
            bricks: []
        };
        for (var r = 0; r < ROWS; r++) {
            for (var c = 0; c < COLS; c++) {
                state.bricks.push({ x: GAP + c * (brickW + GAP), y: 40 + r * (BRICK_H + GAP), row: r });
            }
        }
        serve();
    }

    function serve() {
        var angle = (Math.random() - 0.5) * Math.PI / 3;
        state.ball = { x: width / 2, y: height / 2, vx: 240 * Math.sin(angle), vy: 240 * Math.cos(angle) };
    }

    function step(dt) {
        var b = state.ball, p = state.paddle;
        if (keys[37]) p.x -= 420 * dt;
        if (keys[39]) p.x += 420 * dt;
        p.x = Math.max(p.w / 2, Math.min(width - p.w / 2, p.x));

        b.x += b.vx * dt;
        b.y += b.vy * dt;
        if (b.x < RADIUS || b.x > width - RADIUS) {
            b.vx = -b.vx;
            b.x = b.x < RADIUS ? RADIUS : width - RADIUS;
        }
        if (b.y < RADIUS) b.vy = Math.abs(b.vy);

        // the farther from the middle of the paddle, the flatter it flies away
        if (b.vy > 0 && b.y + RADIUS >= p.y && b.y < p.y + 10 && Math.abs(b.x - p.x) <= p.w / 2 + RADIUS) {
            var speed = Math.sqrt(b.vx * b.vx + b.vy * b.vy) * 1.02;
            var out = (b.x - p.x) / (p.w / 2) * 1.1;
            b.vx = speed * Math.sin(out);
            b.vy = -speed * Math.cos(out);
        }

        for (var i = state.bricks.length - 1; i >= 0; i--) {
            var k = state.bricks[i];
            if (b.x > k.x - RADIUS && b.x < k.x + brickW + RADIUS && b.y > k.y - RADIUS && b.y < k.y + BRICK_H + RADIUS) {
                state.bricks.splice(i, 1);
                state.score += 10 * (ROWS - k.row);
                b.vy = -b.vy;
                break;
            }
        }

        if (b.y > height + 40) {
            if (--state.lives === 0) reset(); else serve();
        }
        if (state.bricks.length === 0) reset();
    }

    function draw() {
        ctx.fillStyle = '#111';
        ctx.fillRect(0, 0, width, height);
        state.bricks.forEach(function (k) {
            ctx.fillStyle = COLOURS[k.row];
            ctx.fillRect(k.x, k.y, brickW, BRICK_H);
        });
        ctx.fillStyle = '#eee';
        ctx.fillRect(state.paddle.x - state.paddle.w / 2, state.paddle.y, state.paddle.w, 8);
        ctx.beginPath();
        ctx.arc(state.ball.x, state.ball.y, RADIUS, 0, 2 * Math.PI);
        ctx.fill();
        ctx.fillText('Score ' + state.score + '   Lives ' + state.lives, 10, 20);
    }

    window.addEventListener('keydown', function (e) { keys[e.keyCode] = true; });
    window.addEventListener('keyup', function (e) { delete keys[e.keyCode]; });
    canvas.addEventListener('mousemove', function (e) { state.paddle.x = e.offsetX; });

    var last;
    reset();
    (function frame(now) {
        if (last !== undefined && now !== undefined) step(Math.min(0.03, (now - last) / 1000));
        last = now;
        draw();
        window.requestAnimationFrame(frame);
    })();
})(window, document);
