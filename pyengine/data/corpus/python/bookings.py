import uuid
from http import HTTPStatus

from flask import Blueprint, abort, current_app, g, jsonify, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from .auth import login_required
from .models import Booking, Room, db
from .tasks import send_confirmation

bp = Blueprint("bookings", __name__, url_prefix="/bookings")


@bp.before_request
def load_tenant():
    g.tenant = request.headers.get("X-Tenant", current_app.config["DEFAULT_TENANT"])


@bp.errorhandler(IntegrityError)
def conflict(error):
    db.session.rollback()
    current_app.logger.warning("double booking refused: %s", error.orig)
    return jsonify(error="The room is taken at that time."), HTTPStatus.CONFLICT


@bp.get("/")
@login_required
def index():
    page = request.args.get("page", default=1, type=int)
    query = (
        select(Booking)
        .join(Booking.room)
        .where(Room.tenant == g.tenant, Booking.cancelled.is_(False))
        .order_by(Booking.starts_at.desc())
    )
    bookings = db.paginate(query, page=page, per_page=20)
    if request.accept_mimetypes.best == "application/json":
        return {
            "items": [b.to_dict() for b in bookings],
            "next": url_for(".index", page=bookings.next_num) if bookings.has_next else None,
        }
    return render_template("bookings/index.html", bookings=bookings)


@bp.post("/")
@login_required
def create():
    data = request.get_json(silent=True) or {}
    missing = {"room", "starts_at", "ends_at"} - data.keys()
    if missing:
        abort(HTTPStatus.UNPROCESSABLE_ENTITY, f"missing: {', '.join(sorted(missing))}")

    room = db.session.get(Room, data["room"]) or abort(404)
    if room.seats < int(data.get("people", 1)):
        return jsonify(error=f"{room.name} has only {room.seats} seats"), HTTPStatus.BAD_REQUEST

    booking = Booking(
        id=uuid.uuid4(),
        room=room,
        owner=g.user,
        starts_at=data["starts_at"],
        ends_at=data["ends_at"],
        note=data.get("note", "")[:500],
    )
    db.session.add(booking)
    db.session.commit()  # the exclusion constraint fires here
    send_confirmation.delay(str(booking.id))
    return booking.to_dict(), HTTPStatus.CREATED, {"Location": url_for(".show", id=booking.id)}


@bp.get("/<uuid:id>")
def show(id):
    return db.get_or_404(Booking, id).to_dict()


@bp.delete("/<uuid:id>")
@login_required
def cancel(id):
    booking = db.get_or_404(Booking, id)
    if booking.owner != g.user and not g.user.is_admin:
        abort(HTTPStatus.FORBIDDEN)
    booking.cancelled = True
    db.session.commit()
    return "", HTTPStatus.NO_CONTENT
