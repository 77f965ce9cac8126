/*
 * SerialScale.cs
 * Reads the weighing scales on the packing line. They speak a fixed 14 byte
 * frame at 4800 baud:  STX sign weight(7) unit(2) status CR LF
 *
 * 2006-03  first version
 * 2007-11  second unit (lb) for the export line
 */
using System;
using System.IO;
using System.IO.Ports;
using System.Text;
using System.Threading;

namespace PackingLine.Devices
{
	public class ScaleEventArgs : EventArgs
	{
		private readonly double m_weight;
		private readonly bool m_stable;

		public ScaleEventArgs(double weight, bool stable)
		{
			m_weight = weight;
			m_stable = stable;
		}

		public double Weight { get { return m_weight; } }
		public bool Stable { get { return m_stable; } }
	}

	public delegate void ScaleEventHandler(object sender, ScaleEventArgs e);

	public class SerialScale : IDisposable
	{
		private const byte STX = 0x02;
		private const int FRAME_LENGTH = 14;
		private const double POUND = 0.45359237;

		private SerialPort m_port;
		private Thread m_reader;
		private volatile bool m_running;

		public event ScaleEventHandler WeightReceived;

		public void Open(string portName)
		{
			if (m_port != null)
				throw new InvalidOperationException("The scale is already open.");

			m_port = new SerialPort(portName, 4800, Parity.Even, 7, StopBits.One);
			m_port.ReadTimeout = 500;
			m_port.Open();
			m_running = true;
			m_reader = new Thread(new ThreadStart(ReadLoop));
			m_reader.IsBackground = true;
			m_reader.Name = "Scale " + portName;
			m_reader.Start();
		}

		private void ReadLoop()
		{
			byte[] frame = new byte[FRAME_LENGTH];
			int filled = 0;
			while (m_running)
			{
				int b;
				try
				{
					b = m_port.ReadByte();
				}
				catch (TimeoutException)
				{
					filled = 0;	// half a frame is no frame
					continue;
				}
				catch (IOException)
				{
					return;		// somebody pulled the plug
				}
				if (b == STX) filled = 0;
				frame[filled++] = (byte)b;
				if (filled == FRAME_LENGTH)
				{
					OnFrame(Encoding.ASCII.GetString(frame));
					filled = 0;
				}
			}
		}

		private void OnFrame(string frame)
		{
			double weight;
			if (!double.TryParse(frame.Substring(2, 7).Trim(), out weight)) return;
			if (frame[1] == '-') weight = -weight;
			if (frame.Substring(9, 2) == "lb") weight *= POUND;
			ScaleEventHandler handler = WeightReceived;
			if (handler != null)
				handler(this, new ScaleEventArgs(weight, frame[11] == 'S'));
		}

		public void Dispose()
		{
			m_running = false;
			if (m_reader != null) m_reader.Join(1000);
			if (m_port != null) m_port.Close();
			m_port = null;
		}
	}
}
