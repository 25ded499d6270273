"""Body, lungs, heart and great vessels as lengths along each ray."""

from dataclasses import dataclass

import numpy as np

from dicom_node.demo.phantom.grid import Grid, Plane

# Half the width of neck, shoulders and trunk, by height.
_BODY_HALF_WIDTH = {
    0.0: 5.2, 2.0: 5.4, 3.2: 6.4, 4.2: 9.0, 5.2: 12.6, 6.4: 16.8, 8.0: 21.0, 13.0: 21.5, 15.5: 19.0,
    18.0: 17.0, 21.0: 16.4, 26.0: 16.2, 30.0: 15.9, 36.0: 15.5, 43.0: 15.7,
}  # fmt: skip
_BODY_DEPTH = {0.0: 11.5, 3.0: 13.0, 6.0: 17.0, 10.0: 20.5, 18.0: 22.5, 30.0: 23.5, 43.0: 22.0}
# Inner border of the ribs, medial border of the lungs, depth of the pleural cavity.
_LUNG_LATERAL = {
    4.9: 4.0, 5.4: 5.0, 6.8: 6.2, 9.0: 8.8, 12.2: 11.0, 17.0: 13.0, 24.5: 14.1, 31.0: 14.1,
    38.0: 13.3,
}  # fmt: skip
_LUNG_MEDIAL = {4.9: 4.0, 5.4: 2.8, 6.5: 2.0, 8.0: 1.6, 12.0: 1.4, 20.0: 1.0, 36.0: 1.0}
_LUNG_DEPTH = {5.0: 1.0, 6.0: 5.0, 8.0: 9.0, 12.0: 13.5, 18.0: 16.5, 26.0: 18.0, 36.0: 18.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """An ellipsoid; ``tilt`` turns it in the image plane, in degrees clockwise."""

    x: float
    y: float
    radii: tuple[float, float, float]
    tilt: float = 0.0

    def chord(self, grid: Grid) -> Plane:
        """Return the length that each ray has inside."""
        turn = np.deg2rad(self.tilt)
        along = (grid.x - self.x) * np.cos(turn) + (grid.y - self.y) * np.sin(turn)
        across = (grid.y - self.y) * np.cos(turn) - (grid.x - self.x) * np.sin(turn)
        inside = 1 - (along / self.radii[0]) ** 2 - (across / self.radii[1]) ** 2
        return np.asarray(2 * self.radii[2] * np.sqrt(np.clip(inside, 0, None)), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dome:
    """A hemidiaphragm: a paraboloid with its top at (x, y, z)."""

    x: float
    y: float
    z: float
    steepness: tuple[float, float]

    def half_chord(self, grid: Grid) -> Plane:
        """Return half the length that each ray has below the dome."""
        below = grid.y - self.y - self.steepness[0] * (grid.x - self.x) ** 2
        return np.asarray(np.sqrt(np.clip(below / self.steepness[1], 0, None)), dtype=np.float32)


_HEART = (
    Ellipsoid(x=3.4, y=25.9, radii=(7.9, 5.0, 4.6), tilt=31),  # ventricles
    Ellipsoid(x=-1.3, y=24.6, radii=(3.4, 4.9, 3.6)),  # right atrium
    Ellipsoid(x=1.0, y=20.4, radii=(3.2, 5.0, 3.0)),  # left atrium and outflow
    Ellipsoid(x=1.8, y=13.6, radii=(2.0, 2.1, 2.2)),  # aortic arch
    Ellipsoid(x=2.5, y=17.2, radii=(1.7, 2.6, 1.6), tilt=20),  # pulmonary trunk
    Ellipsoid(x=-1.4, y=15.0, radii=(1.5, 7.5, 1.6)),  # superior vena cava, ascending aorta
    Ellipsoid(x=0.0, y=8.5, radii=(2.3, 6.5, 2.2)),  # vessels of the neck
    Ellipsoid(x=1.5, y=22.0, radii=(1.2, 11.5, 1.3), tilt=-3),  # descending aorta
    Ellipsoid(x=-3.7, y=18.4, radii=(0.9, 2.0, 1.0), tilt=20),  # right hilum
    Ellipsoid(x=4.1, y=17.4, radii=(0.9, 1.7, 1.0), tilt=-20),  # left hilum
)
_DOMES = (
    Dome(x=-6.6, y=28.6, z=2.0, steepness=(0.062, 0.085)),
    Dome(x=7.0, y=30.0, z=2.0, steepness=(0.066, 0.085)),
)
_TRACHEA = Ellipsoid(x=0.1, y=4.5, radii=(0.85, 9.5, 0.85))
_BRONCHI = (
    Ellipsoid(x=-1.9, y=15.0, radii=(2.6, 0.62, 0.62), tilt=-48),
    Ellipsoid(x=2.2, y=15.2, radii=(2.9, 0.55, 0.55), tilt=36),
)
_STOMACH_BUBBLE = Ellipsoid(x=7.6, y=32.6, radii=(2.7, 1.5, 3.5), tilt=-6)


def body(grid: Grid) -> Plane:
    """Return the length of each ray in the body, lungs included."""
    trunk = _superellipse(grid, grid.along(_BODY_HALF_WIDTH), grid.along(_BODY_DEPTH), 3.4)
    breasts = Ellipsoid(x=-8.0, y=27.0, radii=(6.4, 5.6, 0.5)).chord(grid) + Ellipsoid(
        x=8.2, y=27.3, radii=(6.4, 5.6, 0.5)
    ).chord(grid)
    return trunk + breasts * (trunk > 0)


def lungs(grid: Grid) -> Plane:
    """Return the length of each ray in both lungs."""
    lateral, medial = grid.along(_LUNG_LATERAL), grid.along(_LUNG_MEDIAL)
    depth = _superellipse(grid, lateral, grid.along(_LUNG_DEPTH), 2.3)
    # Between the lungs the cavity closes as the pleura rounds the mediastinum.
    opening = np.clip((np.abs(grid.x) - medial) / 3.2, 0, 1) ** 0.55
    cavity = depth * opening * (grid.y > 4.9)
    filled = np.where(grid.x < 0, *(_above(grid, cavity, dome) for dome in _DOMES))
    # The heart rests on the diaphragm: below it there is only lung behind the dome.
    resting = np.where(grid.x < 1, *(_clearance(grid, dome) for dome in _DOMES))
    return np.asarray(np.clip(filled - 0.9 * heart(grid) * resting, 0, None), dtype=np.float32)


def heart(grid: Grid) -> Plane:
    """Return the length of each ray in heart and great vessels."""
    chords = np.stack([part.chord(grid) for part in _HEART])
    return np.asarray(chords.max(axis=0), dtype=np.float32)


def air(grid: Grid) -> Plane:
    """Return the length of each ray in trachea, main bronchi and stomach."""
    bronchi = np.maximum(*(bronchus.chord(grid) for bronchus in _BRONCHI))
    airway = np.maximum(_TRACHEA.chord(grid), bronchi)
    level = np.clip((33.2 - grid.y) / 0.15, 0, 1)
    return np.asarray(airway + _STOMACH_BUBBLE.chord(grid) * level, dtype=np.float32)


def _superellipse(grid: Grid, half_width: Plane, depth: Plane, power: float) -> Plane:
    inside = np.clip(1 - np.abs(grid.x / half_width) ** power, 0, None)
    return np.asarray(depth * inside ** (1 / power), dtype=np.float32)


def _above(grid: Grid, cavity: Plane, dome: Dome) -> Plane:
    """Return what a dome leaves of a cavity that lies around z = 0."""
    reach = dome.half_chord(grid)
    front = np.minimum(cavity / 2, dome.z + reach)
    back = np.maximum(-cavity / 2, dome.z - reach)
    return np.asarray(cavity - np.clip(front - back, 0, None), dtype=np.float32)


def _clearance(grid: Grid, dome: Dome) -> Plane:
    """Return 1 above the top of a dome, 0 below, with a soft edge between."""
    top = dome.y + dome.steepness[0] * (grid.x - dome.x) ** 2
    return np.asarray(np.clip((top + 0.4 - grid.y) / 0.4, 0, 1), dtype=np.float32)
