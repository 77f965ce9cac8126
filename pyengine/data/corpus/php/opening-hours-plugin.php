<?php
/**
 * Plugin Name: Simple Opening Hours
 * Description: Shows when the shop is open. Use the shortcode [opening_hours] or [opening_hours now="1"].
 * Version:     1.6.2
 * Text Domain: simple-opening-hours
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

define( 'SOH_OPTION', 'soh_hours' );

function soh_days() {
	return array(
		'mon' => __( 'Monday', 'simple-opening-hours' ),
		'tue' => __( 'Tuesday', 'simple-opening-hours' ),
		'wed' => __( 'Wednesday', 'simple-opening-hours' ),
		'thu' => __( 'Thursday', 'simple-opening-hours' ),
		'fri' => __( 'Friday', 'simple-opening-hours' ),
		'sat' => __( 'Saturday', 'simple-opening-hours' ),
		'sun' => __( 'Sunday', 'simple-opening-hours' ),
	);
}

register_activation_hook( __FILE__, 'soh_activate' );
function soh_activate() {
	add_option( SOH_OPTION, array_fill_keys( array_keys( soh_days() ), '' ) );
}

add_action( 'admin_menu', 'soh_menu' );
function soh_menu() {
	add_options_page( 'Opening hours', 'Opening hours', 'manage_options', 'soh', 'soh_settings_page' );
}

add_action( 'admin_init', 'soh_register' );
function soh_register() {
	register_setting( 'soh', SOH_OPTION, array( 'sanitize_callback' => 'soh_sanitize' ) );
}

/**
 * Keeps only lines such as "9:00-12:30, 14:00-18:00".
 *
 * @param array $input What came from the form.
 * @return array
 */
function soh_sanitize( $input ) {
	$clean = array();
	foreach ( soh_days() as $key => $label ) {
		$text = isset( $input[ $key ] ) ? sanitize_text_field( $input[ $key ] ) : '';
		if ( '' !== $text && ! preg_match( '/^\d{1,2}:\d\d-\d{1,2}:\d\d(, *\d{1,2}:\d\d-\d{1,2}:\d\d)*$/', $text ) ) {
			/* translators: %s: name of a day */
			add_settings_error( SOH_OPTION, $key, sprintf( __( 'Hours of %s not understood.', 'simple-opening-hours' ), $label ) );
			$text = '';
		}
		$clean[ $key ] = $text;
	}
	return $clean;
}

function soh_settings_page() {
	$hours = get_option( SOH_OPTION, array() );
	?>
	<div class="wrap">
		<h1><?php echo esc_html( get_admin_page_title() ); ?></h1>
		<form method="post" action="options.php">
			<?php settings_fields( 'soh' ); ?>
			<table class="form-table">
			<?php foreach ( soh_days() as $key => $label ) : ?>
				<tr>
					<th><label for="soh-<?php echo $key; ?>"><?php echo esc_html( $label ); ?></label></th>
					<td><input id="soh-<?php echo $key; ?>" name="<?php echo SOH_OPTION . "[$key]"; ?>"
						value="<?php echo esc_attr( $hours[ $key ] ); ?>" class="regular-text"></td>
				</tr>
			<?php endforeach; ?>
			</table>
			<?php submit_button(); ?>
		</form>
	</div>
	<?php
}

add_shortcode( 'opening_hours', 'soh_shortcode' );
function soh_shortcode( $atts ) {
	$atts  = shortcode_atts( array( 'now' => 0 ), $atts );
	$hours = get_option( SOH_OPTION, array() );
	if ( $atts['now'] ) {
		return soh_is_open( $hours ) ? '<span class="soh-open">open</span>' : '<span class="soh-closed">closed</span>';
	}
	$html = '<dl class="soh">';
	foreach ( soh_days() as $key => $label ) {
		$html .= '<dt>' . esc_html( $label ) . '</dt><dd>' . esc_html( $hours[ $key ] ?: '–' ) . '</dd>';
	}
	return $html . '</dl>';
}

function soh_is_open( $hours ) {
	$day = strtolower( current_time( 'D' ) );
	$now = strtotime( current_time( 'H:i' ) );
	foreach ( array_filter( explode( ',', $hours[ $day ] ) ) as $span ) {
		list( $from, $to ) = explode( '-', trim( $span ) );
		if ( $now >= strtotime( $from ) && $now < strtotime( $to ) ) {
			return true;
		}
	}
	return false;
}
