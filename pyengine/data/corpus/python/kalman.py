"""Track a vehicle from noisy position fixes with a constant-velocity Kalman filter.

State is (x, y, vx, vy), in metres and metres per second. Only the position is measured.
"""
import sys
from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    mean: np.ndarray  # (4,)
    cov: np.ndarray   # (4, 4)


def transition(dt):
    F = np.eye(4)
    F[0, 2] = F[1, 3] = dt
    return F


def process_noise(dt, accel_std):
    """White noise on the acceleration, integrated over one step."""
    G = np.array([[dt**2 / 2, 0], [0, dt**2 / 2], [dt, 0], [0, dt]])
    return accel_std**2 * G @ G.T


H = np.hstack([np.eye(2), np.zeros((2, 2))])


def predict(est, dt, accel_std=0.8):
    F = transition(dt)
    return Estimate(F @ est.mean, F @ est.cov @ F.T + process_noise(dt, accel_std))


def update(est, fix, fix_std):
    """Return the posterior, and the squared Mahalanobis distance of the innovation."""
    R = fix_std**2 * np.eye(2)
    innovation = fix - H @ est.mean
    S = H @ est.cov @ H.T + R
    K = np.linalg.solve(S, H @ est.cov).T
    mean = est.mean + K @ innovation
    # Joseph form: stays symmetric and positive in spite of rounding
    A = np.eye(4) - K @ H
    cov = A @ est.cov @ A.T + K @ R @ K.T
    return Estimate(mean, cov), float(innovation @ np.linalg.solve(S, innovation))


def run(fixes, fix_std=5.0, gate=13.8):
    """Filter rows of (t, x, y); fixes outside the gate (chi2, 2 dof, 0.999) are skipped."""
    t, *start = fixes[0]
    est = Estimate(np.array([*start, 0.0, 0.0]), np.diag([fix_std**2] * 2 + [100.0] * 2))
    track, rejected = [est], 0
    for when, *position in fixes[1:]:
        est = predict(est, when - t)
        t = when
        candidate, distance = update(est, np.asarray(position), fix_std)
        if distance < gate:
            est = candidate
        else:
            rejected += 1
        track.append(est)
    return track, rejected


if __name__ == "__main__":
    rng = np.random.default_rng(7)
    times = np.arange(0.0, 60.0, 0.5)
    truth = np.column_stack([12 * times, 40 * np.sin(times / 9)])
    noisy = truth + rng.normal(scale=5.0, size=truth.shape)
    noisy[30] += 200  # a reflection from a tall building
    track, rejected = run(np.column_stack([times, noisy]))
    error = np.linalg.norm(np.array([e.mean[:2] for e in track]) - truth, axis=1)
    raw = np.linalg.norm(noisy - truth, axis=1)
    print(f"rms raw {np.sqrt((raw**2).mean()):.2f} m, filtered {np.sqrt((error**2).mean()):.2f} m")
    print(rejected, "rejected", file=sys.stderr)
