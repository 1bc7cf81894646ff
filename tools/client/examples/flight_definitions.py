"""The flights of New York (`fixtures/flights`), and what a model wants of them, as classes."""

from datetime import datetime, timedelta

import varve
from varve import Service, Stream, View, count, expr, last, latest, mean


class Schedule(Stream, event_time="time", known_at="time", key="flight"):
    time: datetime
    flight: str
    carrier: str
    origin: str
    dest: str
    distance: float
    sched_dep: datetime
    sched_hour: int
    sched_minutes: float


class Departures(Stream, event_time="time", known_at="time", key="origin"):
    time: datetime
    flight: str
    carrier: str
    origin: str
    dest: str
    tailnum: str | None
    dep_delay: float


class Arrivals(Stream, event_time="time", known_at="time", key="carrier"):
    time: datetime
    flight: str
    carrier: str
    origin: str
    dest: str
    arr_delay: float
    air_time: float | None
    late: float


class Weather(Stream, event_time="time", known_at="time", key="origin"):
    time: datetime
    origin: str
    temp: float | None
    dewp: float | None
    humid: float | None
    wind_dir: float | None
    wind_speed: float | None
    wind_gust: float | None
    precip: float | None
    pressure: float | None
    visib: float | None


class AirportTraffic(View, source=Departures, entity="origin"):
    departures_1h = count(window="1h")
    mean_delay_1h = mean("dep_delay", window=timedelta(hours=1))
    mean_delay_6h = mean("dep_delay", window="6h")
    late_share_6h = mean("if(dep_delay > 15, 1.0, 0.0)", window="6h")
    max_delay_3h = varve.max("dep_delay", window="3h")


class CarrierDelays(View, source=Arrivals, entity="carrier"):
    arrivals_24h = count(window="24h")
    mean_arr_delay_24h = mean("arr_delay", window="24h")
    late_share_24h = mean("if(arr_delay > 30, 1.0, 0.0)", window="24h")
    last_arr_delay = last("arr_delay", window=varve.lifetime)


class RouteDelays(View, source=Arrivals, entity=["origin", "dest"]):
    arrivals_7d = count(window="7d")
    mean_arr_delay_7d = mean("arr_delay", window="7d")
    late_share_7d = mean("late", window="7d")


class AirportWeather(View, source=Weather, entity="origin", max_age="6h"):
    temp = latest("temp", window="lifetime")
    wind_speed = latest("wind_speed", window="lifetime")
    precip = latest("precip", window="lifetime")
    visib = latest("visib", window="lifetime")
    pressure = latest("pressure", window="lifetime")


class ArrivalDelay(Service):
    distance: float
    sched_hour: int
    features = (
        AirportTraffic,
        CarrierDelays,
        RouteDelays,
        AirportWeather,
        "distance",
        "sched_hour",
        expr("log_distance", "log(distance + 1)"),
    )
