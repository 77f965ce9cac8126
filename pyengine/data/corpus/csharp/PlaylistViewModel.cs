using System.Collections.ObjectModel;
using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Windows.Input;

namespace Gramophone.ViewModels;

public sealed class RelayCommand : ICommand
{
    private readonly Action<object?> _execute;
    private readonly Predicate<object?>? _canExecute;

    public RelayCommand(Action<object?> execute, Predicate<object?>? canExecute = null)
        => (_execute, _canExecute) = (execute, canExecute);

    public event EventHandler? CanExecuteChanged;

    public bool CanExecute(object? parameter) => _canExecute?.Invoke(parameter) ?? true;
    public void Execute(object? parameter) => _execute(parameter);
    public void Refresh() => CanExecuteChanged?.Invoke(this, EventArgs.Empty);
}

public sealed class PlaylistViewModel : INotifyPropertyChanged
{
    private Track? _current;
    private bool _shuffle;
    private readonly Random _random = new();
    private readonly Stack<Track> _history = new();

    public PlaylistViewModel(IPlayer player)
    {
        PlayCommand = new RelayCommand(
            track => { Current = (Track)track!; player.Play(Current.Path); },
            track => track is Track { IsMissing: false });
        NextCommand = new RelayCommand(_ => Advance(player), _ => Tracks.Count > 1);
        PreviousCommand = new RelayCommand(_ =>
        {
            if (_history.TryPop(out var earlier)) PlayCommand.Execute(earlier);
        });
        Tracks.CollectionChanged += (_, _) =>
        {
            NextCommand.Refresh();
            OnPropertyChanged(nameof(TotalLength));
        };
        player.Finished += () => NextCommand.Execute(null);
    }

    public ObservableCollection<Track> Tracks { get; } = [];
    public RelayCommand PlayCommand { get; }
    public RelayCommand NextCommand { get; }
    public RelayCommand PreviousCommand { get; }

    public Track? Current
    {
        get => _current;
        private set => SetField(ref _current, value);
    }

    public bool Shuffle
    {
        get => _shuffle;
        set => SetField(ref _shuffle, value);
    }

    public TimeSpan TotalLength => Tracks.Aggregate(TimeSpan.Zero, (sum, t) => sum + t.Length);

    private void Advance(IPlayer player)
    {
        if (Current is not null) _history.Push(Current);
        int here = Current is null ? -1 : Tracks.IndexOf(Current);
        int there = Shuffle ? _random.Next(Tracks.Count) : (here + 1) % Tracks.Count;
        if (there == here) there = (there + 1) % Tracks.Count; // never the same song twice in a row
        PlayCommand.Execute(Tracks[there]);
    }

    public event PropertyChangedEventHandler? PropertyChanged;

    private void OnPropertyChanged([CallerMemberName] string? name = null)
        => PropertyChanged?.Invoke(this, new PropertyChangedEventArgs(name));

    private bool SetField<T>(ref T field, T value, [CallerMemberName] string? name = null)
    {
        if (EqualityComparer<T>.Default.Equals(field, value)) return false;
        field = value;
        OnPropertyChanged(name);
        return true;
    }
}
