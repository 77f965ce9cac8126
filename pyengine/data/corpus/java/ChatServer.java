import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.Queue;
import java.util.logging.Level;
import java.util.logging.Logger;

/** One thread, many clients: whatever a client types is sent to all the others. */
public class ChatServer implements AutoCloseable, Runnable {
    private static final Logger LOG = Logger.getLogger(ChatServer.class.getName());
    private static final int LONGEST_LINE = 4096;

    private static class Client {
        final ByteBuffer in = ByteBuffer.allocate(LONGEST_LINE);
        final Queue<ByteBuffer> out = new ArrayDeque<>();
        String name;
    }

    private final Selector selector = Selector.open();
    private final ServerSocketChannel server = ServerSocketChannel.open();

    public ChatServer(int port) throws IOException {
        server.bind(new InetSocketAddress(port));
        server.configureBlocking(false);
        server.register(selector, SelectionKey.OP_ACCEPT);
    }

    @Override
    public void run() {
        try {
            while (selector.isOpen()) {
                selector.select();
                Iterator<SelectionKey> keys = selector.selectedKeys().iterator();
                while (keys.hasNext()) {
                    SelectionKey key = keys.next();
                    keys.remove();
                    try {
                        if (key.isValid() && key.isAcceptable()) accept();
                        if (key.isValid() && key.isReadable()) read(key);
                        if (key.isValid() && key.isWritable()) write(key);
                    } catch (IOException e) {
                        LOG.log(Level.FINE, "client lost", e);
                        key.cancel();
                        key.channel().close();
                    }
                }
            }
        } catch (IOException e) {
            LOG.log(Level.SEVERE, "the selector failed", e);
        }
    }

    private void accept() throws IOException {
        SocketChannel channel = server.accept();
        channel.configureBlocking(false);
        SelectionKey key = channel.register(selector, SelectionKey.OP_READ, new Client());
        send(key, "Your name?\n");
    }

    private void read(SelectionKey key) throws IOException {
        Client client = (Client) key.attachment();
        if (((SocketChannel) key.channel()).read(client.in) < 0) {
            broadcast(key, client.name + " has left\n");
            throw new ClosedChannelException();
        }
        client.in.flip();
        String text = StandardCharsets.UTF_8.decode(client.in.duplicate()).toString();
        int end = text.lastIndexOf('\n');
        if (end < 0 && client.in.limit() < LONGEST_LINE) {
            client.in.compact(); // half a line; wait for the rest
            return;
        }
        client.in.clear();
        for (String line : text.strip().split("\\R")) {
            if (client.name == null) {
                client.name = line;
                broadcast(key, line + " is here\n");
            } else {
                broadcast(key, client.name + ": " + line + "\n");
            }
        }
    }

    private void broadcast(SelectionKey from, String text) throws ClosedChannelException {
        for (SelectionKey key : selector.keys()) {
            if (key != from && key.isValid() && key.attachment() instanceof Client) send(key, text);
        }
    }

    private void send(SelectionKey key, String text) {
        ((Client) key.attachment()).out.add(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
        key.interestOpsOr(SelectionKey.OP_WRITE);
    }

    private void write(SelectionKey key) throws IOException {
        Queue<ByteBuffer> out = ((Client) key.attachment()).out;
        while (!out.isEmpty()) {
            ((SocketChannel) key.channel()).write(out.peek());
            if (out.peek().hasRemaining()) return;
            out.remove();
        }
        key.interestOpsAnd(~SelectionKey.OP_WRITE);
    }

    @Override
    public void close() throws IOException {
        server.close();
        selector.close();
    }
}
