"""What stands beside the road: the street sign on its post."""

from __future__ import annotations

from keyhole.data.streetcam.camera import View
from keyhole.data.streetcam.draws import Point
from keyhole.data.streetcam.materials import Stuff
from keyhole.data.streetcam.mesh import Faces, Layer, Mesh
from keyhole.data.streetcam.plate import SIGN_SIZE
from keyhole.data.streetcam.raster import Pose


def sign_faces(view: View, pose: Pose, place: tuple[float, float], depth: float) -> tuple[Faces, tuple[Point, ...]]:
    """A sign that turns towards the camera.

    Args:
        view: the camera's view.
        pose: the vehicle's.
        place: where the sign's middle shall be, shares of the picture (right, down).
        depth: metres from the camera.

    Returns:
        The faces in the axes of a vehicle in that pose, the sign itself last, and the sign's corners in the world:
        upper left, upper right, lower right, lower left.
    """
    a = (place[0] * view.size - view.middle[0]) / view.focal * depth
    b = (view.middle[1] - place[1] * view.size) / view.focal * depth
    x, y, z = (
        view.eye[i] + view.right[i] * a + view.up[i] * b + view.forward[i] * depth for i in range(3)
    )  # fmt: skip
    z = max(z, 1.1)
    rx, ry = view.right[0], view.right[1]
    half, tall = SIGN_SIZE[0] / 2, SIGN_SIZE[1] / 2
    corners: tuple[Point, ...] = (
        (x - half * rx, y - half * ry, z + tall), (x + half * rx, y + half * ry, z + tall),
        (x + half * rx, y + half * ry, z - tall), (x - half * rx, y - half * ry, z - tall),
    )  # fmt: skip
    normal = (-view.forward[0], -view.forward[1], 0.3)
    post: list[Point] = [
        (x - 0.04 * rx, y - 0.04 * ry, 0.0), (x + 0.04 * rx, y + 0.04 * ry, 0.0),
        (x + 0.04 * rx, y + 0.04 * ry, z + tall), (x - 0.04 * rx, y - 0.04 * ry, z + tall),
    ]  # fmt: skip
    mesh = Mesh()
    mesh.polygon([pose.back(point) for point in post], pose.back_turn(normal), Stuff.POLE, Layer.BACKDROP)
    mesh.polygon([pose.back(point) for point in corners], pose.back_turn(normal), Stuff.SIGN, Layer.BACKDROP)
    return mesh.faces(), corners
