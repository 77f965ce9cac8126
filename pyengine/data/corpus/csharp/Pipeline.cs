using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Channels;
using System.Threading.Tasks;

namespace Example.Processing;

/// <summary>Passes items through a transformation with several workers.</summary>
public sealed class Pipeline<TIn, TOut> : IAsyncDisposable
    where TIn : notnull
{
    private readonly Channel<TIn> _input = Channel.CreateBounded<TIn>(capacity: 64);
    private readonly List<Task> _workers;
    private readonly Func<TIn, CancellationToken, ValueTask<TOut>> _transform;
    private readonly CancellationTokenSource _stop = new();

    public event EventHandler<TOut>? Completed;

    public Pipeline(int workers, Func<TIn, CancellationToken, ValueTask<TOut>> transform)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        _transform = transform ?? throw new ArgumentNullException(nameof(transform));
        _workers = Enumerable.Range(0, workers).Select(_ => Task.Run(WorkAsync)).ToList();
    }

    public int Processed { get; private set; }

    /// <summary>Items that wait for a worker; a guess while others add or take.</summary>
    public int Waiting => _input.Reader.CanCount ? _input.Reader.Count : -1;

    public ValueTask AddAsync(TIn item) => _input.Writer.WriteAsync(item, _stop.Token);

    private async Task WorkAsync()
    {
        await foreach (var item in _input.Reader.ReadAllAsync(_stop.Token))
        {
            try
            {
                var result = await _transform(item, _stop.Token).ConfigureAwait(false);
                Completed?.Invoke(this, result);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Console.Error.WriteLine($"item {item} failed: {e.Message}");
            }
            finally
            {
                lock (_workers)
                {
                    Processed++;
                }
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _input.Writer.TryComplete();
        await Task.WhenAll(_workers);
        _stop.Dispose();
    }
}
