import java.awt.BorderLayout;
import java.awt.Dimension;
import java.awt.Font;
import java.awt.GridLayout;
import java.awt.event.ActionEvent;
import java.awt.event.KeyEvent;
import javax.swing.AbstractAction;
import javax.swing.Action;
import javax.swing.DefaultListModel;
import javax.swing.JButton;
import javax.swing.JFrame;
import javax.swing.JLabel;
import javax.swing.JList;
import javax.swing.JPanel;
import javax.swing.JScrollPane;
import javax.swing.KeyStroke;
import javax.swing.SwingConstants;
import javax.swing.SwingUtilities;
import javax.swing.Timer;

@SuppressWarnings("serial")
public class StopwatchPanel extends JPanel {
    private final JLabel display = new JLabel("0:00.0", SwingConstants.CENTER);
    private final DefaultListModel<String> laps = new DefaultListModel<>();
    private final Timer ticker = new Timer(50, e -> refresh());

    private long startedAt;
    private long accumulated;
    private long lastLap;

    private final Action startStop = new AbstractAction("Start") {
        @Override
        public void actionPerformed(ActionEvent e) {
            if (ticker.isRunning()) {
                ticker.stop();
                accumulated += System.nanoTime() - startedAt;
            } else {
                startedAt = System.nanoTime();
                ticker.start();
            }
            putValue(NAME, ticker.isRunning() ? "Stop" : "Start");
            lap.setEnabled(ticker.isRunning());
            refresh();
        }
    };

    private final Action lap = new AbstractAction("Lap") {
        @Override
        public void actionPerformed(ActionEvent e) {
            long now = elapsed();
            laps.add(0, String.format("%2d   %s   (+%s)", laps.size() + 1, format(now), format(now - lastLap)));
            lastLap = now;
        }
    };

    public StopwatchPanel() {
        super(new BorderLayout(8, 8));
        display.setFont(new Font(Font.MONOSPACED, Font.BOLD, 48));
        lap.setEnabled(false);

        JPanel buttons = new JPanel(new GridLayout(1, 0, 4, 0));
        buttons.add(new JButton(startStop));
        buttons.add(new JButton(lap));

        add(display, BorderLayout.NORTH);
        add(new JScrollPane(new JList<>(laps)), BorderLayout.CENTER);
        add(buttons, BorderLayout.SOUTH);
        setPreferredSize(new Dimension(360, 320));

        // Space bar works wherever the focus is
        getInputMap(WHEN_IN_FOCUSED_WINDOW).put(KeyStroke.getKeyStroke(KeyEvent.VK_SPACE, 0), "toggle");
        getActionMap().put("toggle", startStop);
    }

    private long elapsed() {
        return accumulated + (ticker.isRunning() ? System.nanoTime() - startedAt : 0);
    }

    private void refresh() {
        display.setText(format(elapsed()));
    }

    static String format(long nanos) {
        long tenths = nanos / 100_000_000L;
        return String.format("%d:%02d.%d", tenths / 600, tenths / 10 % 60, tenths % 10);
    }

    public static void main(String[] args) {
        SwingUtilities.invokeLater(() -> {
            JFrame frame = new JFrame("Stopwatch");
            frame.setDefaultCloseOperation(JFrame.EXIT_ON_CLOSE);
            frame.setContentPane(new StopwatchPanel());
            frame.pack();
            frame.setLocationRelativeTo(null);
            frame.setVisible(true);
        });
    }
}
