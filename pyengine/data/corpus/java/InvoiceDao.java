package de.example.billing;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Date;
import java.util.Iterator;
import java.util.List;
import javax.sql.DataSource;

/**
 * Data access for invoices.
 *
 * <p>All methods take a connection from the pool and give it back. Nothing here keeps state, so one
 * instance serves the whole application.
 *
 * @since 1.2
 */
public class InvoiceDao
{
    private static final String SQL_INSERT =
        "INSERT INTO invoice (customer_id, issued, due, currency) VALUES (?, ?, ?, ?)";
    private static final String SQL_INSERT_ITEM =
        "INSERT INTO invoice_item (invoice_id, position, text, quantity, cents) VALUES (?, ?, ?, ?, ?)";
    private static final String SQL_OPEN =
        "SELECT i.id, i.issued, SUM(t.quantity * t.cents) AS total"
        + " FROM invoice i JOIN invoice_item t ON t.invoice_id = i.id"
        + " WHERE i.customer_id = ? AND i.paid IS NULL"
        + " GROUP BY i.id, i.issued ORDER BY i.issued";

    private DataSource dataSource;

    public void setDataSource(DataSource dataSource)
    {
        this.dataSource = dataSource;
    }

    /**
     * Stores an invoice with all its items, or nothing.
     *
     * @param invoice the invoice; its id is set afterwards
     * @throws SQLException if the database refuses it
     */
    public void insert(Invoice invoice) throws SQLException
    {
        Connection con = dataSource.getConnection();
        PreparedStatement ps = null;
        try
        {
            con.setAutoCommit(false);
            ps = con.prepareStatement(SQL_INSERT, Statement.RETURN_GENERATED_KEYS);
            ps.setLong(1, invoice.getCustomerId());
            ps.setDate(2, new java.sql.Date(invoice.getIssued().getTime()));
            ps.setDate(3, new java.sql.Date(invoice.getDue().getTime()));
            ps.setString(4, invoice.getCurrency());
            ps.executeUpdate();
            ResultSet keys = ps.getGeneratedKeys();
            keys.next();
            invoice.setId(keys.getLong(1));
            ps.close();

            ps = con.prepareStatement(SQL_INSERT_ITEM);
            int position = 1;
            for (Iterator it = invoice.getItems().iterator(); it.hasNext();)
            {
                InvoiceItem item = (InvoiceItem) it.next();
                ps.setLong(1, invoice.getId());
                ps.setInt(2, position++);
                ps.setString(3, item.getText());
                ps.setInt(4, item.getQuantity());
                ps.setLong(5, item.getCents());
                ps.addBatch();
            }
            ps.executeBatch();
            con.commit();
        }
        catch (SQLException e)
        {
            con.rollback();
            throw e;
        }
        finally
        {
            if (ps != null) ps.close();
            con.close();
        }
    }

    public List findOpen(long customerId) throws SQLException
    {
        List result = new ArrayList();
        try (Connection con = dataSource.getConnection();
             PreparedStatement ps = con.prepareStatement(SQL_OPEN))
        {
            ps.setLong(1, customerId);
            ResultSet rs = ps.executeQuery();
            while (rs.next())
            {
                Date issued = rs.getDate("issued");
                result.add(new OpenInvoice(rs.getLong("id"), issued, rs.getLong("total")));
            }
        }
        return result;
    }
}
