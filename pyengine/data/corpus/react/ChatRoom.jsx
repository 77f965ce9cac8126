var React = require('react');
var createSocket = require('./socket');
var formatTime = require('./formatTime');

var STICK = 40; // pixels from the bottom within which the list goes on scrolling by itself

class ChatRoom extends React.Component {
  constructor(props) {
    super(props);
    this.state = { messages: [], draft: '', typing: {}, online: false };
    this.listRef = React.createRef();
    this.handleChange = this.handleChange.bind(this);
    this.handleKeyDown = this.handleKeyDown.bind(this);
  }

  componentDidMount() {
    this.join(this.props.room);
  }

  componentDidUpdate(prevProps, prevState, wasAtBottom) {
    if (prevProps.room !== this.props.room) {
      this.leave();
      this.setState({ messages: [], typing: {} });
      this.join(this.props.room);
    }
    if (wasAtBottom && prevState.messages !== this.state.messages) {
      const list = this.listRef.current;
      list.scrollTop = list.scrollHeight;
    }
  }

  getSnapshotBeforeUpdate() {
    const list = this.listRef.current;
    return list.scrollHeight - list.scrollTop - list.clientHeight < STICK;
  }

  componentWillUnmount() {
    this.leave();
  }

  join(room) {
    this.socket = createSocket('/rooms/' + encodeURIComponent(room));
    this.socket.on('open', () => this.setState({ online: true }));
    this.socket.on('close', () => this.setState({ online: false }));
    this.socket.on('message', (message) => {
      this.setState((state) => ({ messages: state.messages.concat(message) }));
    });
    this.socket.on('typing', (name) => {
      this.setState((state) => ({ typing: Object.assign({}, state.typing, { [name]: Date.now() }) }));
    });
    this.sweeper = setInterval(() => {
      const recent = Date.now() - 3000;
      this.setState((state) => {
        const names = Object.keys(state.typing).filter((name) => state.typing[name] > recent);
        if (names.length === Object.keys(state.typing).length) return null;
        const typing = {};
        names.forEach((name) => { typing[name] = state.typing[name]; });
        return { typing };
      });
    }, 1000);
  }

  leave() {
    clearInterval(this.sweeper);
    this.socket.close();
  }

  handleChange(e) {
    this.setState({ draft: e.target.value });
    this.socket.emit('typing', this.props.me);
  }

  handleKeyDown(e) {
    if (e.key !== 'Enter' || e.shiftKey) return;
    e.preventDefault();
    const text = this.state.draft.trim();
    if (!text) return;
    this.socket.emit('message', { author: this.props.me, text });
    this.setState({ draft: '' });
  }

  renderTyping() {
    const names = Object.keys(this.state.typing).filter((name) => name !== this.props.me);
    if (names.length === 0) return null;
    if (names.length > 3) return <p className="typing">Everybody is typing…</p>;
    return <p className="typing">{names.join(', ')} {names.length === 1 ? 'is' : 'are'} typing…</p>;
  }

  render() {
    const { messages, draft, online } = this.state;
    return (
      <div className={'room' + (online ? '' : ' room--offline')}>
        <ol ref={this.listRef}>
          {messages.map((m, i) => (
            <li key={m.id} className={m.author === this.props.me ? 'mine' : null}>
              {(i === 0 || messages[i - 1].author !== m.author) && <strong>{m.author}</strong>}
              <time dateTime={m.at}>{formatTime(m.at)}</time>
              <p>{m.text}</p>
            </li>
          ))}
        </ol>
        {this.renderTyping()}
        <textarea value={draft} onChange={this.handleChange} onKeyDown={this.handleKeyDown} disabled={!online} />
      </div>
    );
  }
}

ChatRoom.defaultProps = { me: 'guest' };

module.exports = ChatRoom;
