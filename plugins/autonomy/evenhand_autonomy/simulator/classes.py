"""The 43 sign classes of GTSRB by number: what each says, and the family it belongs to."""

from __future__ import annotations

SPEED, PROHIBITION, DANGER, MANDATORY, END, PRIORITY = (
    "speed limit",
    "other prohibition",
    "danger",
    "mandatory",
    "end of restriction",
    "priority",
)
NAMES = tuple(
    """speed limit 20
speed limit 30
speed limit 50
speed limit 60
speed limit 70
speed limit 80
end of speed limit 80
speed limit 100
speed limit 120
no overtaking
no overtaking by lorries
right of way at the next crossing
priority road
give way
stop
no vehicles
no lorries
no entry
danger
curve left
curve right
double curve
uneven road
slippery road
road narrows
road works
traffic lights
pedestrians
children
cyclists
ice or snow
wild animals
end of all limits
turn right
turn left
straight on
straight or right
straight or left
keep right
keep left
roundabout
end of no overtaking
end of no overtaking by lorries""".splitlines()
)
CLASSES = len(NAMES)
FAMILIES: dict[int, str] = {
    **dict.fromkeys((0, 1, 2, 3, 4, 5, 7, 8), SPEED),
    **dict.fromkeys((9, 10, 15, 16, 17), PROHIBITION),
    **dict.fromkeys((6, 32, 41, 42), END),
    **dict.fromkeys(range(18, 32), DANGER),
    **dict.fromkeys(range(33, 41), MANDATORY),
    **dict.fromkeys((11, 12, 13, 14), PRIORITY),
}
