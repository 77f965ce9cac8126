using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace Harbour.Api.Controllers;

public record ReservationRequest(
    [Required, StringLength(12)] string Berth,
    DateOnly Arrival,
    DateOnly Departure,
    [Range(2.0, 45.0)] double LengthInMetres);

[ApiController]
[Authorize]
[Route("api/v2/reservations")]
public class ReservationsController : ControllerBase
{
    private readonly IReservationService _service;
    private readonly ILogger<ReservationsController> _logger;

    public ReservationsController(IReservationService service, ILogger<ReservationsController> logger)
    {
        _service = service;
        _logger = logger;
    }

    [HttpGet("{id:guid}")]
    [ProducesResponseType(StatusCodes.Status200OK)]
    [ProducesResponseType(StatusCodes.Status404NotFound)]
    public async Task<ActionResult<Reservation>> Get(Guid id, CancellationToken token)
    {
        var found = await _service.FindAsync(id, token);
        return found is null ? NotFound() : Ok(found);
    }

    [HttpGet]
    public IAsyncEnumerable<Reservation> List([FromQuery] string? berth, [FromQuery] int page = 1)
    {
        // Pages start at one for the benefit of the harbour office, who number everything from one.
        int skip = Math.Max(0, page - 1) * 50;
        return _service.ListAsync(berth, skip, take: 50);
    }

    [HttpPost]
    public async Task<IActionResult> Create([FromBody] ReservationRequest request, CancellationToken token)
    {
        if (request.Departure <= request.Arrival)
        {
            ModelState.AddModelError(nameof(request.Departure), "must be after the arrival");
            return ValidationProblem(ModelState);
        }

        try
        {
            var created = await _service.BookAsync(request, User.Identity!.Name!, token);
            _logger.LogInformation("Berth {Berth} booked until {Departure}", request.Berth, request.Departure);
            return CreatedAtAction(nameof(Get), new { id = created.Id }, created);
        }
        catch (BerthTakenException taken)
        {
            return Conflict(new ProblemDetails
            {
                Title = "The berth is taken",
                Detail = $"{taken.Berth} is free again on {taken.FreeFrom:yyyy-MM-dd}",
            });
        }
    }

    [HttpDelete("{id:guid}"), Authorize(Roles = "office")]
    public async Task<IActionResult> Cancel(Guid id, CancellationToken token)
        => await _service.CancelAsync(id, token) ? NoContent() : NotFound();
}
