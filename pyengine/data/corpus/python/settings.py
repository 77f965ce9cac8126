"""
Settings of the greenhouse controller.

Everything can be overridden by an environment variable with the prefix ``GREENHOUSE_``, so that the
same image runs on the bench and on the site. Values are checked on import; the process should not
start with half a configuration.
"""

import logging.config
import os
from dataclasses import dataclass, fields
from pathlib import Path
from zoneinfo import ZoneInfo

BASE_DIR = Path(__file__).resolve().parents[2]
PREFIX = "GREENHOUSE_"


def _flag(text: str) -> bool:
    value = text.strip().lower()
    if value in {"1", "yes", "true", "on"}:
        return True
    if value in {"0", "no", "false", "off", ""}:
        return False
    raise ValueError(f"neither yes nor no: {text!r}")


CONVERTERS = {bool: _flag, int: int, float: float, str: str, Path: Path, ZoneInfo: ZoneInfo}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    debug: bool = False
    time_zone: ZoneInfo = ZoneInfo("UTC")

    # sensors
    i2c_bus: int = 1
    poll_seconds: float = 15.0
    humidity_offset: float = -1.7  # measured against the calibrated probe in May

    # climate
    vent_opens_at: float = 27.5
    vent_closes_at: float = 24.0
    frost_alarm: float = 3.0
    pump_max_seconds: int = 240

    # storage
    database: Path = BASE_DIR / "var" / "readings.sqlite3"
    keep_days: int = 400

    mqtt_host: str = "localhost"
    mqtt_port: int = 1883
    mqtt_topic: str = "greenhouse/south"

    def __post_init__(self) -> None:
        if self.vent_closes_at >= self.vent_opens_at:
            raise ValueError("the vent would flap: vent_closes_at must be below vent_opens_at")
        if not 1 <= self.mqtt_port <= 65535:
            raise ValueError(f"mqtt_port {self.mqtt_port}")

    @classmethod
    def from_environment(cls, environ=os.environ) -> "Settings":
        given = {}
        for f in fields(cls):
            text = environ.get(PREFIX + f.name.upper())
            if text is not None:
                given[f.name] = CONVERTERS[f.type](text)
        return cls(**given)


settings = Settings.from_environment()

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "plain"},
        "file": {
            "class": "logging.handlers.RotatingFileHandler",
            "filename": settings.database.with_suffix(".log"),
            "maxBytes": 2_000_000,
            "backupCount": 3,
            "formatter": "plain",
            "delay": True,
        },
    },
    "root": {"level": "DEBUG" if settings.debug else "INFO", "handlers": ["console", "file"]},
    "loggers": {"paho": {"level": "WARNING"}},
}

logging.config.dictConfig(LOGGING)
